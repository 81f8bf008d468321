"""The value of the pytest fixture: one organisation of a running emulator."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, get_args

from autumn_mock.clock import stopwatch
from autumn_mock.counting import are, count_of, were
from autumn_mock.domain.amount import number
from autumn_mock.domain.message import EnqueueFailure, LostItem
from autumn_mock.domain.webhook import WebhookType
from autumn_mock.faults.armed import ArmedRule
from autumn_mock.faults.board import FaultBoard
from autumn_mock.faults.grammar import parse_rule
from autumn_mock.journal.audit import accepted_by, audit
from autumn_mock.journal.finding_filter import Level, finding_filter
from autumn_mock.journal.findings import Finding
from autumn_mock.journal.requests import NO_ENVIRONMENT, RequestEntry
from autumn_mock.journal.selection import select
from autumn_mock.operations import customers, entities
from autumn_mock.operations.billing.payment_methods import PaymentMethod, set_payment_method
from autumn_mock.operations.errors import ApiError
from autumn_mock.store.environment import Environment
from autumn_mock.testing.clock import MockClock
from autumn_mock.testing.deducted import deducted_from, deduction_lines
from autumn_mock.testing.lines import MAX_WITH_BODIES, failure_lines, request_line, unknown_key_lines
from autumn_mock.testing.payments import MockCheckouts
from autumn_mock.testing.webhooks import MockWebhooks
from autumn_mock.webhooks.journal import WebhookDelivery
from autumn_mock.wire.responses.customer import fixed_balances

if TYPE_CHECKING:
    from autumn_mock.engine import Engine

#: Seconds that waiting takes at most by default.
DRAIN_TIMEOUT_S = 10.0
#: Seconds of one wait in a thread under asyncio.
_TURN = 0.1


class StillOpen(AssertionError, TimeoutError):
    """A wait timed out; the message says which items are still open, and why."""


class Fault:
    """A rule that a test armed. In a ``with`` block it is cleared at the end."""

    #: How often it fired.
    fired: int
    #: How many items it refused.
    refused: int
    #: How often it can still fire; None: no limit.
    remaining: int | None
    #: Whether it can no longer fire.
    completed: bool

    def __init__(self, board: FaultBoard, armed: ArmedRule) -> None:
        self._board = board
        self._armed = armed
        #: The rule in the grammar of rules, with its random seed.
        self.rule: str = armed.rule.text

    def __repr__(self) -> str:
        return repr(self._armed)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._armed, name)  # the counters

    def __enter__(self) -> Fault:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def clear(self) -> None:
        """Disarm the rule."""
        self._board.clear(self._armed.number)


class AutumnMock:
    """One organisation of a running emulator: give ``url`` and ``key`` to the client under test."""

    def __init__(self, emulator: Engine, environment: Environment, url: str, key: str) -> None:
        #: The server, which other tests of the process share.
        self.emulator = emulator
        #: The client's base URL.
        self.url = url
        #: The organisation's secret key.
        self.key = key
        #: The time of the organisation.
        self.clock = MockClock(environment)
        #: What was sent, and to whom: see :class:`~autumn_mock.testing.webhooks.MockWebhooks`.
        self.webhooks = MockWebhooks(emulator, environment.name)
        self._name = environment.name
        self._created = stopwatch()

    def __repr__(self) -> str:
        return f"<AutumnMock {self.url} {self._environment.organisation.id}>"

    @property
    def _environment(self) -> Environment:
        """Read at each use: loading a snapshot may replace it."""
        return self.emulator.state.environment(*self._name)

    @property
    def organisation(self) -> str:
        """The organisation's id."""
        return self._environment.organisation.id

    # -- waiting

    def drain(self, timeout: float = DRAIN_TIMEOUT_S) -> dict[str, Any]:
        """Wait until the queue is idle (at most ``timeout`` s); returns the counters, see :meth:`stats`.

        Raises :class:`StillOpen` on timeout.
        """
        return self._drained(self._is_drained(timeout), timeout)

    async def drain_async(self, timeout: float = DRAIN_TIMEOUT_S) -> dict[str, Any]:
        """:meth:`drain` for asyncio: the event loop goes on meanwhile."""
        return self._drained(await self._in_turns(self._is_drained, timeout), timeout)

    def _is_drained(self, timeout: float) -> bool:
        return self.emulator.drain(timeout, self._environment)

    def _drained(self, is_drained: bool, timeout: float) -> dict[str, Any]:
        if not is_drained:
            raise StillOpen(self.emulator.why_open(self._environment, timeout))
        return self.stats()

    def wait_for(self, count: int, timeout: float = DRAIN_TIMEOUT_S) -> dict[str, Any]:
        """Wait until ``count`` items in all were deducted or lost; raises :class:`StillOpen` on timeout."""
        return self._reached(self._is_reached(count, timeout), count, timeout)

    async def wait_for_async(self, count: int, timeout: float = DRAIN_TIMEOUT_S) -> dict[str, Any]:
        """:meth:`wait_for` for asyncio."""
        is_reached = await self._in_turns(lambda turn: self._is_reached(count, turn), timeout)
        return self._reached(is_reached, count, timeout)

    def _is_reached(self, count: int, timeout: float) -> bool:
        environment = self._environment
        return self.emulator.queue.wait_until(
            lambda: environment.counters.deducted + environment.counters.lost >= count, timeout, environment.name
        )

    def _reached(self, is_reached: bool, count: int, timeout: float) -> dict[str, Any]:
        stats = self.stats()
        if is_reached:
            return stats
        done, accepted = stats["deducted"] + stats["lost"], stats["accepted"]
        if accepted == done:
            why = f"only {accepted} {were(accepted)} accepted" + (
                f", {stats['refused']} refused" if stats["refused"] else ""
            )
        else:
            why = self.emulator.why_open(self._environment, timeout)
        raise StillOpen(f"{done} of {count_of(count, 'item')} {are(done)} deducted or lost: {why}")

    async def _in_turns(self, wait: Callable[[float], bool], timeout: float) -> bool:
        """Wait in a thread, in short turns, so that a cancelled task leaves no waiting thread."""
        while not await asyncio.to_thread(wait, min(timeout, _TURN)):
            timeout -= _TURN
            if timeout <= 0 or self.emulator.queue.is_stuck(self._environment.name):
                return await asyncio.to_thread(wait, 0)
        return True

    def wait_for_webhook(
        self, kind: WebhookType, *, customer: str | None = None, timeout: float = DRAIN_TIMEOUT_S
    ) -> WebhookDelivery:
        """The next webhook of a type (about a customer) that was delivered; ``payload`` is its body.

        Each is returned once. Raises :class:`StillOpen` after ``timeout`` seconds.
        """
        return self._taken_webhook(self.webhooks.take(kind, customer, timeout), kind, customer, timeout)

    async def wait_for_webhook_async(
        self, kind: WebhookType, *, customer: str | None = None, timeout: float = DRAIN_TIMEOUT_S
    ) -> WebhookDelivery:
        """:meth:`wait_for_webhook` for asyncio."""
        found: list[WebhookDelivery] = []

        def take(turn: float) -> bool:
            found.extend(filter(None, [self.webhooks.take(kind, customer, turn)]))
            return bool(found)

        await self._in_turns(take, timeout)
        return self._taken_webhook(next(iter(found), None), kind, customer, timeout)

    def _taken_webhook(
        self, found: WebhookDelivery | None, kind: WebhookType, customer: str | None, timeout: float
    ) -> WebhookDelivery:
        if found is None:
            raise StillOpen(self.webhooks.missing(kind, customer, timeout))
        return found

    # -- inspection

    def balance(self, customer: str, feature: str, entity: str | None = None) -> float:
        """What a customer, or one of their entities, has left of a feature; ``inf`` if it is unlimited.

        Raises :class:`AssertionError` when the customer, the entity or the balance does not exist.
        """
        call = self.emulator.call_in(self._environment)
        try:
            if entity is None:
                balances = fixed_balances(customers.get(call, customer))
            else:
                balances = fixed_balances(*entities.get(call, entity, customer))
        except ApiError as error:
            raise AssertionError(error.message) from None
        if feature not in balances:
            raise AssertionError(f"{customer} has no balance of {feature}; balances: {', '.join(balances) or 'none'}")
        shown = balances[feature]
        return math.inf if shown["unlimited"] else float(shown["remaining"])

    def stats(self) -> dict[str, Any]:
        """The counters of items: ``offered refused accepted ready in_flight deducted lost lost_by_reason``."""
        return self.emulator.stats(self._environment)

    @property
    def requests(self) -> list[RequestEntry]:
        """The requests, oldest first."""
        return self.emulator.journal.entries(self._environment.name)

    def find_requests(
        self,
        *,
        status: str | int = "",
        call: str = "",
        customer: str = "",
        since: str | int = "",
        failed: bool = False,
    ) -> list[RequestEntry]:
        """The requests that meet all conditions: ``mock.find_requests(call="track", failed=True)``.

        Args:
            status: what the client received: ``404``, ``"4xx"``, or ``"none"`` for no reply.
            call: the name of a call, such as ``"track"``.
            customer: a customer that the request names; of a batch, that of its first item.
            since: how long ago at most (``"5m"``), or an instant by the organisation's clock.
            failed: only those without a whole reply of success.

        Raises:
            ValueError: for another status, call or time.
        """
        name = self.emulator.call_named(call) if call else ""
        return select(self.requests, status=status, call=name, customer=customer, since=since, failed=failed)

    @property
    def unknown_keys(self) -> dict[str, int]:
        """The masked keys that open no organisation, and how many requests used them since the test began."""
        return self.emulator.journal.unknown_keys(self._created)

    @property
    def failures(self) -> list[EnqueueFailure]:
        """The batches with items that could not be queued."""
        return self._environment.failures.snapshot()

    @property
    def lost(self) -> list[LostItem]:
        """The accepted items that a worker dropped, with the reason."""
        return self._environment.lost.snapshot()

    @property
    def findings(self) -> list[Finding]:
        """The client's violations of the contract; those with keys that open nothing, since the test began."""
        return [*self.emulator.findings(self._environment), *self.emulator.stray_findings(self._created)]

    # -- payments

    @property
    def checkouts(self) -> MockCheckouts:
        """The payment pages: ``mock.checkouts.pay("cus_123")``, ``.decline()``, ``.settle()``."""
        return MockCheckouts(lambda: self.emulator.call_in(self._environment))

    def set_payment_method(self, customer: str, method: PaymentMethod) -> None:
        """How a customer pays: ``"none"``, or a card that is ``"ok"``, ``"declines"`` or ``"needs_3ds"``.

        Raises :class:`AssertionError` for an unknown customer, :class:`ValueError` for another method.
        """
        if method not in get_args(PaymentMethod):
            raise ValueError(f"{method!r} is not one of {', '.join(get_args(PaymentMethod))}")
        call = self.emulator.call_in(self._environment)
        try:
            set_payment_method(call, customer, method)
        except ApiError as error:
            raise AssertionError(error.message) from None

    # -- faults

    def fault(self, rule: str) -> Fault:
        """Arm a rule: ``mock.fault("queue:down times=2")``. Raises :class:`~autumn_mock.faults.grammar.RuleError`."""
        board = self.emulator.board_for(self._environment)
        return Fault(board, board.arm(parse_rule(rule).seeded(self.emulator.settings.seed)))

    def pause(self) -> None:
        """Pause the workers for this organisation."""
        self.emulator.queue.pause(self._environment.name)

    def resume(self) -> None:
        """Resume the workers."""
        self.emulator.queue.resume(self._environment.name)

    def reset(self) -> dict[str, int]:
        """Restore the initial world; returns what was cleared."""
        return self.emulator.reset(self._environment)

    # -- asserting

    def assert_no_findings(
        self, *, certain: bool = False, level: Level | None = None, codes: Sequence[str] = ()
    ) -> None:
        """Fail if the client violated the contract.

        Args:
            certain: the same as the level ``certain``.
            level: ``certain`` for findings without another explanation only; ``probable`` (the default) for all.
            codes: the kinds that count; all by default.

        Raises:
            ValueError: for a level or a code that does not exist.
        """
        counts = finding_filter(level or ("certain" if certain else "probable"), codes)
        findings = counts.select(self.findings)
        if findings:
            lines = "\n".join(f"  {each.code}: {each.message}\n    {each.instead}" for each in findings)
            raise AssertionError(f"the client violated the contract:\n{lines}")

    def assert_deducted(self, customer: str, feature: str, amount: float, timeout: float = DRAIN_TIMEOUT_S) -> None:
        """Fail unless exactly ``amount`` of a feature was deducted from a customer, by queued items and direct calls.

        Drains the queue first (at most ``timeout`` s). The message lists what each request deducted. Usage with
        ``skip_event`` is not counted.
        """
        self.drain(timeout)
        found = deducted_from(self._environment, customer, feature)
        if number(found.total) != amount:
            lines = deduction_lines(self._environment, self.requests, found, customer, feature)
            raise AssertionError(
                f"expected {amount} {feature} to be deducted from {customer}, but it was {number(found.total)}; "
                + "requests:\n  "
                + "\n  ".join(lines)
            )

    def assert_balanced(self) -> None:
        """Fail if the counters of items do not balance."""
        found = audit(self._environment, accepted_by(self.requests))
        if not found.balanced:
            raise AssertionError("the counters do not balance: " + "; ".join(found.problems))

    # -- reporting

    def report(self, limit: int = 10) -> str:
        """A summary: the last requests, the first that failed, the rules, refused and lost items, the findings."""
        requests = self.requests
        lines = [*_section("requests", [request_line(each) for each in requests], limit)]
        lines += _section("the first failed requests", failure_lines(requests), 3 * MAX_WITH_BODIES)
        lines += _section("requests of no organisation", self._stray_requests(), limit)
        armed = self.emulator.board_for(self._environment).armed()
        lines += _section("faults", [f"{each.rule.text}: fired {each.fired}" for each in armed], limit)
        refused = [
            f"{each.failure_count} of {count_of(each.total_count, 'item')}: {each.error}" for each in self.failures
        ]
        lines += _section("refused", refused, limit)
        lines += _section("lost", [_lost_line(each) for each in self.lost], limit)
        lines += _section("findings", [f"{each.code}: {each.message}" for each in self.findings], limit)
        stats = self.stats()
        if stats["ready"] + stats["in_flight"]:
            lines += _section("still open", [self.emulator.why_open(self._environment)], limit)
        return "\n".join(lines) or "no requests"

    def _stray_requests(self) -> list[str]:
        """Requests since the test began that no key of this server belongs to."""
        entries = self.emulator.journal.entries(NO_ENVIRONMENT)
        recent = [each for each in entries if each.received >= self._created and each.unknown_key is None]
        return [*map(request_line, recent), *unknown_key_lines(self.unknown_keys, [self.key])]


def _section(title: str, rows: list[str], limit: int) -> list[str]:
    if not rows:
        return []
    left_out = len(rows) - limit
    head = f"{title}:" if left_out <= 0 else f"{title} (the last {limit} of {len(rows)}):"
    return [head, *(f"  {row}" for row in rows[-limit:])]


def _lost_line(lost: LostItem) -> str:
    return f"{lost.item.customer_id} {lost.item.feature_id or lost.item.event_name}: {lost.reason}"
