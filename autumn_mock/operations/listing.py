"""``balances.list``, ``subscriptions.list``, ``purchases.list``: rows of one customer, or of all, newest first.

A page is cut from the stored records, then the customers on it are brought up to date. Rows that this removes are
missing from the page, which may therefore be shorter than its limit although more rows follow.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, Literal, Protocol, TypeVar

from msgspec import UNSET, Struct
from msgspec.structs import replace

from autumn_mock.domain.balance import Balance, Contribution
from autumn_mock.domain.customer import ClosedPlan, Customer, CustomerPlan
from autumn_mock.ledger.account import Account
from autumn_mock.ledger.views import BalanceView, balance_view
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import invalid_request
from autumn_mock.operations.retention import sweep
from autumn_mock.operations.subjects import find_customer, find_entity, get_customer, open_account
from autumn_mock.store.environment import Transaction
from autumn_mock.wire.requests.balances import BalancesList, ContributionsList
from autumn_mock.wire.requests.billing import SubscriptionsList
from autumn_mock.wire.requests.common import RowsOfOwner


class Listed(Protocol):
    """A record that a list can show."""

    @property
    def id(self) -> str: ...
    @property
    def customer(self) -> str: ...
    @property
    def created_at(self) -> int: ...


class Named(Protocol):
    """A record with an id of the caller's."""

    @property
    def id(self) -> str | None: ...
    @property
    def created_at(self) -> int: ...


L = TypeVar("L", bound=Listed)
N = TypeVar("N", bound=Named)
R = TypeVar("R")
Place = tuple[int, str]
PlanStatus = Literal["active", "scheduled", "expired"]


class Page(Struct, Generic[R], frozen=True):
    """Some rows, and the (created_at, id) of the final one when more follow."""

    rows: list[R]
    next: Place | None


class CountedPage(Struct, Generic[R], frozen=True):
    """A page, how many rows there are, and how many of them match."""

    rows: list[R]
    next: Place | None
    total_count: int
    filtered_count: int


class BalanceLine(Struct, frozen=True):
    """One row of a balance, alone, as its owner sees it."""

    customer: Customer
    row: Balance
    #: The entity that owns it, or whose share it is.
    entity_id: str | None
    view: BalanceView
    is_expired: bool


class PlanLine(Struct, frozen=True):
    """A plan that a customer is on."""

    customer: Customer
    attached: CustomerPlan
    #: When the list was made (ms).
    now: int
    status: PlanStatus
    #: All plans of the customer.
    held: tuple[CustomerPlan, ...]


def list_balances(call: Call, params: BalancesList, before: Place | None) -> Page[BalanceLine]:
    """``balances.list``: rows of balances, granted by plans and loose; boolean features are left out."""
    environment = call.environment
    owner, entity_id = narrowed(call, params)
    if owner is NO_ONE:
        return Page([], None)
    wanted = set(params.statuses or ("active",))
    with call.write() as transaction:
        ended = _ended(call, owner) if "expired" in wanted else []
        rows: Iterable[Balance] = environment.balances.of(owner).values() if owner is not None else environment.balances
        shown, following = cut_newest(
            [
                row
                for row in (*rows, *(row for closed in ended for row in closed.rows))
                if _is_metered(call, row)
                and params.feature_id in (None, row.feature_id)
                and params.plan_id in (UNSET, row.plan_id)
                and (entity_id is None or row.entity_id == entity_id or entity_id in row.shares)
            ],
            before,
            params.limit,
        )
        lines = _lines(call, transaction, shown, entity_id)
    return Page([line for line in lines if ("expired" if line.is_expired else "active") in wanted], following)


def stored_rows(call: Call, customer_id: str) -> Account:
    """``GET /v1/balances/list``: the account with the rows that no plan granted, and the unlimited ones."""
    with call.write() as transaction:
        account = open_account(call, transaction, get_customer(call.environment, customer_id))
    return replace(account, rows={row.id: row for row in account.rows.values() if row.is_loose or row.unlimited})


def list_contributions(call: Call, params: ContributionsList) -> CountedPage[Contribution]:
    """``pooled_balances.list_contributions``: those of plans and entities whose ids contain ``search``; 404 if there is
    no such pool."""
    pool = call.environment.balances.get(params.pooled_balance_id)
    if pool is None or not pool.pool:
        raise invalid_request(f"Pooled balance {params.pooled_balance_id} not found", status=404)
    wanted = (params.search or "").lower()
    found = [each for each in pool.pool if wanted in f"{each.plan_id} {each.entity_id or ''}".lower()]
    shown = found[params.offset : params.offset + params.limit]
    return CountedPage(shown, None, len(pool.pool), len(found))


def _is_metered(call: Call, row: Balance) -> bool:
    return not call.feature(row.feature_id).is_boolean


def _lines(
    call: Call, transaction: Transaction, rows: Iterable[Balance], wanted_entity: str | None
) -> list[BalanceLine]:
    """The rows after their customers were brought up to date, without those that are then deleted or hidden."""
    accounts: dict[str, Account] = {}
    lines = []
    for listed in rows:
        account = accounts.get(listed.customer)
        if account is None:
            customer = call.environment.customers.get(listed.customer)
            assert customer is not None
            account = accounts[listed.customer] = open_account(call, transaction, customer)
        is_closed = listed.customer_plan_id is not None and listed.customer_plan_id not in account.plans
        row = listed if is_closed else account.rows.get(listed.id)
        if row is None or (account.is_hidden(row) and not account.is_expired(row)):
            continue
        entity_id = row.entity_id or (wanted_entity if row.is_per_entity else None)
        entity = account.entities.get(entity_id) if entity_id is not None else None
        alone = replace(account, rows={row.id: row}, spending_order={})
        view = balance_view(alone, account.features[row.feature_id], entity, [row])
        assert view is not None
        lines.append(BalanceLine(account.customer, row, entity_id, view, is_closed or account.is_expired(row)))
    return lines


def _ended(call: Call, owner: str | None) -> list[ClosedPlan]:
    """The plans that a customer, or any customer, had."""
    table = call.environment.closed_plans
    found = table.of(owner).values() if owner is not None else table
    return [each for each in found if each.ended_at is not None]


def list_subscriptions(call: Call, params: SubscriptionsList, before: Place | None) -> Page[PlanLine]:
    """``subscriptions.list``: recurring plans."""
    return _list_plans(call, params, before, one_off=False)


def list_purchases(call: Call, params: SubscriptionsList, before: Place | None) -> Page[PlanLine]:
    """``purchases.list``: plans that are paid once."""
    return _list_plans(call, params, before, one_off=True)


def _list_plans(call: Call, params: SubscriptionsList, before: Place | None, *, one_off: bool) -> Page[PlanLine]:
    environment = call.environment
    owner, entity_id = narrowed(call, params)
    if owner is NO_ONE:
        return Page([], None)
    wanted = set(params.statuses or ("active", "scheduled"))
    with environment.lock:
        plans: Iterable[CustomerPlan] = (
            environment.customer_plans.of(owner).values() if owner is not None else environment.customer_plans
        )
        ended = {each.id: each for each in _ended(call, owner)} if "expired" in wanted else {}
        shown, following = cut_newest(
            [
                each
                for each in (*plans, *(closed.attached for closed in ended.values()))
                if each.plan.is_one_off is one_off
                and (each.id in ended or each.status in wanted or (each.past_due and "past_due" in wanted))
                and params.plan_id in (None, each.plan_id)
                and entity_id in (None, each.entity_id)
            ],
            before,
            params.limit,
        )
        lines = []
        all_held: dict[str, tuple[CustomerPlan, ...]] = {}
        for each in shown:
            customer = environment.customers.get(each.customer)
            assert customer is not None
            closed = ended.get(each.id)
            held = all_held.get(each.customer)
            if held is None:
                held = all_held[each.customer] = tuple(environment.customer_plans.of(each.customer).values())
            if closed is None:
                lines.append(PlanLine(customer, each, call.now, each.status, held))
            else:
                ended_plan = replace(each, expires_at=closed.ended_at)
                lines.append(PlanLine(customer, ended_plan, call.now, "expired", held))
    return Page(lines, following)


#: In place of the internal id of an unknown customer, or of the id of an unknown entity.
NO_ONE = ""


def narrowed(call: Call, params: RowsOfOwner) -> tuple[str | None, str | None]:
    """The internal id of the customer and the id of the entity that a list is narrowed to. Plans and balances of that
    customer, or of all customers, are brought up to date."""
    environment = call.environment
    customer_id = params.customer_id
    if not customer_id:
        sweep(call)
        return None, None
    with call.write() as transaction:
        customer = find_customer(environment, customer_id)
        if customer is None:
            return NO_ONE, None
        open_account(call, transaction, customer)
        entity_id = params.entity_id
        if not entity_id:
            return customer.internal_id, None
        entity = find_entity(environment, customer, entity_id)
        return (customer.internal_id, entity.id) if entity is not None else (NO_ONE, None)


def cut(found: list[N], before: Place | None, offset: int, limit: int) -> tuple[list[N], Place | None]:
    """The rows of a list in its order, after ``before`` or from ``offset`` on, and where the next page begins.

    Where the row at ``before`` was deleted, the list continues with the older ones.
    """
    rest = found[offset:]
    if before is not None:
        places = [index for index, each in enumerate(found) if (each.created_at, each.id) == before]
        rest = found[places[0] + 1 :] if places else [each for each in found if each.created_at < before[0]]
    shown = rest[:limit]
    last = shown[-1] if len(rest) > len(shown) else None
    return shown, (last.created_at, last.id) if last is not None and last.id is not None else None


def cut_newest(records: list[L], before: Place | None, limit: int) -> tuple[list[L], Place | None]:
    """The newest records after a place, and the place to go on from when there are more."""
    rest = [each for each in records if before is None or (each.created_at, each.id) < before]
    rest.sort(key=lambda each: (each.created_at, each.id), reverse=True)
    shown = rest[:limit]
    return shown, (shown[-1].created_at, shown[-1].id) if len(rest) > limit else None
