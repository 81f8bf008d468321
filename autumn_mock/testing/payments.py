"""What a test does on the payment pages of its organisation, without a browser."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeVar

from autumn_mock.domain.payment import Checkout, Invoice, Refusal
from autumn_mock.operations.billing import settlement
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import ApiError
from autumn_mock.operations.subjects import get_customer

_T = TypeVar("_T")

Settle = Literal["now", "later"]
"""Whether Autumn knows of a payment at once, or when it is settled."""


class MockCheckouts:
    """The checkout sessions and invoices of the test's organisation.

    Sessions are named by their id, by their customer (the newest that is open), or not at all: the newest open one.
    The methods raise :class:`AssertionError` when there is none, or when what they do is not possible.
    """

    def __init__(self, call: Callable[[], Call]) -> None:
        self._call = call

    def __repr__(self) -> str:
        return f"<checkouts: {', '.join(f'{each.id} {each.status}' for each in self.list())}>"

    def list(self, customer: str | None = None) -> Sequence[Checkout]:
        """The sessions, oldest first."""
        call = self._call()
        owner = None if customer is None else _owner(call, customer)
        found = list(call.environment.checkouts.snapshot())
        return sorted((each for each in found if owner in (None, each.customer)), key=lambda each: each.created_at)

    def invoices(self, customer: str | None = None) -> Sequence[Invoice]:
        """The invoices, oldest first."""
        call = self._call()
        owner = None if customer is None else _owner(call, customer)
        found = [*call.environment.invoices.snapshot()]
        return sorted((each for each in found if owner in (None, each.customer)), key=lambda each: each.created_at)

    def pay(
        self, named: str | None = None, *, settle: Settle = "now", quantities: Mapping[str, float] | None = None
    ) -> Checkout:
        """Pay on the page of a session; ``quantities`` are those of adjustable features. Raises
        :class:`AssertionError` when the payment fails, as a fault makes it."""
        done, refusal = self._act(named, "pay", settle, quantities)
        if refusal is not None:
            raise AssertionError(f"{done.id} was not paid: {refusal.reason}")
        return done

    def authenticate(self, named: str | None = None, *, settle: Settle = "now") -> Checkout:
        """Pay with a card that wants 3-D Secure, and pass it."""
        done, refusal = self._act(named, "3ds", settle, None)
        if refusal is not None:
            raise AssertionError(f"{done.id} was not paid: {refusal.reason}")
        return done

    def decline(self, named: str | None = None) -> Checkout:
        """Pay with a card that is declined; the session stays open."""
        return self._act(named, "decline", "now", None)[0]

    def abandon(self, named: str | None = None) -> Checkout:
        """Leave the page without paying; the session stays open."""
        return self._act(named, "abandon", "now", None)[0]

    def settle(self, named: str | None = None) -> Checkout:
        """Let Autumn know of a session that was paid with ``settle="later"``."""
        found = self._find(named, lambda each: each.status == "complete" and not each.is_settled, "to settle")
        return _possible(lambda: settlement.settle(self._call(), found.id))

    def pay_invoice(self, named: str | None = None, *, settle: Settle = "now") -> Invoice:
        """Pay an invoice, by its id or the provider's, or the newest open one of a customer or of all."""
        open_ones = [each for each in self.invoices() if each.status == "open"]
        call = self._call()
        found = [each for each in open_ones if named in (None, each.id, each.stripe_id, _name(call, each.customer))]
        if not found:
            raise AssertionError(f"there is no open invoice{'' if named is None else f' of {named}'}")
        later = settle == "later"
        made, refusal = _possible(lambda: settlement.pay_invoice(call, found[-1].id, settle_later=later))
        if refusal is not None:
            raise AssertionError(f"{made.stripe_id} was not paid: {refusal.reason}")
        return made

    def _act(
        self, named: str | None, action: settlement.Action, settle: Settle, quantities: Mapping[str, float] | None
    ) -> tuple[Checkout, Refusal | None]:
        found = self._find(named, lambda each: each.status == "open", "that is open")
        later = settle == "later"
        return _possible(
            lambda: settlement.complete(self._call(), found.id, action, settle_later=later, quantities=quantities)
        )

    def _find(self, named: str | None, suits: Callable[[Checkout], bool], what: str) -> Checkout:
        call = self._call()
        every = self.list()
        found = [each for each in every if named in (None, each.id, _name(call, each.customer)) and suits(each)]
        if not found:
            of = "" if named is None else f" of {named}"
            raise AssertionError(f"there is no checkout{of} {what}; checkouts: {self!r}")
        return found[-1]


def _owner(call: Call, customer: str) -> str:
    return _possible(lambda: get_customer(call.environment, customer)).internal_id


def _name(call: Call, internal_id: str) -> str | None:
    customer = call.environment.customers.get(internal_id)
    return None if customer is None else customer.id


def _possible(act: Callable[[], _T]) -> _T:
    """What an operation returns; its error fails the test."""
    try:
        return act()
    except ApiError as error:
        raise AssertionError(error.message) from None
