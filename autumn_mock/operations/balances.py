"""``balances.create``, ``update``, ``delete``, ``recalculate`` and ``/v1/usage``: edits of balances."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from msgspec.structs import replace

from autumn_mock.domain.amount import ZERO, amount
from autumn_mock.domain.balance import Balance
from autumn_mock.domain.customer import Customer, Entity
from autumn_mock.domain.feature import Feature
from autumn_mock.domain.plan import Interval, Reset, RolloverConfig
from autumn_mock.domain.record import instant
from autumn_mock.ids import new_id
from autumn_mock.ledger.account import Account, ceiling, raw_balances, share_ids
from autumn_mock.ledger.deduction import deduct
from autumn_mock.ledger.intervals import first_reset, to_datetime
from autumn_mock.ledger.order import for_spending, in_order
from autumn_mock.operations.accounts import store
from autumn_mock.operations.balance_webhooks import queue_webhooks, snapshot_for_webhooks
from autumn_mock.operations.call import Call
from autumn_mock.operations.creation import get_or_create_customer
from autumn_mock.operations.errors import ApiError, invalid_inputs_inside, invalid_request
from autumn_mock.operations.plans import to_reset, to_rollover
from autumn_mock.operations.subjects import find_entity, get_customer, get_entity, open_account
from autumn_mock.store.environment import Environment
from autumn_mock.wire.requests.balances import (
    BalancesCreate,
    BalancesDelete,
    BalancesUpdate,
    Recalculate,
    SetUsage,
)
from autumn_mock.wire.requests.common import CustomerData


def create(call: Call, params: BalancesCreate) -> None:
    """A loose balance: a grant that no plan gives."""
    environment = call.environment
    with call.write() as transaction:
        feature = call.feature(params.feature_id)
        customer = get_customer(environment, params.customer_id)
        entity = _entity(environment, customer, params.entity_id)
        _check_kind(feature, params)
        if entity is not None and entity.feature_id == feature.id:
            raise invalid_request("Cannot give an entity a balance of its own feature type")
        reset = _reset(feature, params)
        _check_times(call, params, reset)
        rollover = _rollover(call, feature, params, reset)
        held = environment.balances.of(customer.internal_id).values()
        external_id = params.balance_id
        if external_id and any(row.external_id == external_id for row in held):
            raise invalid_request(f"balance_id '{external_id}' is already in use for this customer", status=409)
        if feature.is_boolean and any(row.feature_id == feature.id for row in held):
            raise invalid_request(
                f"A boolean entitlement {feature.id} already exists for customer {customer.internal_id}",
                status=409,
            )
        grant = amount(_granted(params) or 0)
        next_reset_at = params.next_reset_at
        if next_reset_at is None and params.expires_at is None and not params.unlimited:
            next_reset_at = first_reset(reset, call.now, call.now)
        transaction.put(
            Balance(
                id=new_id("cus_ent"),
                external_id=external_id,
                customer=customer.internal_id,
                entity_id=entity.id if entity is not None else None,
                feature_id=feature.id,
                created_at=call.now,
                balance=grant,
                included=grant,
                unlimited=bool(params.unlimited),
                reset=reset,
                next_reset_at=instant(next_reset_at) if next_reset_at is not None else None,
                expires_at=instant(params.expires_at) if params.expires_at is not None else None,
                rollover=rollover,
            )
        )


def _entity(environment: Environment, customer: Customer, entity_id: str | None) -> Entity | None:
    return get_entity(environment, customer, entity_id) if entity_id else None


def _granted(params: BalancesCreate) -> float | None:
    return params.granted_balance if params.included_grant is None else params.included_grant


def _check_kind(feature: Feature, params: BalancesCreate) -> None:
    """A boolean balance has neither amount nor reset; another has a grant, or is unlimited and then has no reset."""
    granted, unlimited, is_reset = _granted(params) is not None, bool(params.unlimited), params.reset is not None
    if feature.is_boolean:
        wrong = granted or unlimited or is_reset
    else:
        wrong = granted == unlimited or (unlimited and is_reset)
    if wrong:
        raise invalid_inputs_inside()


def _reset(feature: Feature, params: BalancesCreate) -> Reset | None:
    if feature.is_boolean or feature.is_allocated:
        return None
    return Reset(interval="one_off") if params.reset is None else to_reset(params.reset)


def _rollover(call: Call, feature: Feature, params: BalancesCreate, reset: Reset | None) -> RolloverConfig | None:
    """What is kept at a reset; 400 where there is none, or none before the balance expires."""
    sent, expires_at = params.rollover, params.expires_at
    if sent is None:
        return None
    if feature.is_allocated:
        raise invalid_request("Rollover is not supported for continuous use features")
    if reset is None or reset.interval == "one_off":
        raise invalid_request("Rollover cannot be provided for one-time balances")
    first = first_reset(reset, call.now, call.now)
    if expires_at and first is not None and first > expires_at:
        raise invalid_request(f"expires_at ({_iso(expires_at)}) occurs before the next rollover event ({_iso(first)})")
    return to_rollover(sent.max, sent.max_percentage, sent.duration, sent.length)


def _check_times(call: Call, params: BalancesCreate, reset: Reset | None) -> None:
    next_reset_at, expires_at = params.next_reset_at, params.expires_at
    if next_reset_at is None:
        return
    if reset is None or reset.interval == "one_off":
        raise invalid_request("next_reset_at requires a reset interval to be provided")
    if next_reset_at <= call.now:
        raise invalid_request("next_reset_at must be in the future")
    if expires_at is not None and next_reset_at >= expires_at:
        raise invalid_request(f"next_reset_at ({_iso(next_reset_at)}) must be before expires_at ({_iso(expires_at)})")


def _iso(given: float) -> str:
    moment: datetime = to_datetime(int(given))
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def update(call: Call, params: BalancesUpdate) -> None:
    """Set or move a balance. An edit that finds no balance, or changes nothing, answers like any other."""
    environment = call.environment
    with call.write() as transaction:
        feature = call.feature(params.feature_id)
        customer = get_customer(environment, params.customer_id)
        entity = _entity(environment, customer, params.entity_id)
        expires_at = params.expires_at
        if expires_at is not None and expires_at <= call.now:
            raise invalid_request("expires_at must be in the future")
        account = open_account(call, transaction, customer)
        rows = _selected(
            account, feature.id, entity, params.balance_id, params.customer_entitlement_id, params.interval
        )
        remaining = params.current_balance if params.remaining is None else params.remaining
        if params.included_grant is not None:
            if not rows:
                raise _none_to_update(feature, params)
            _set_grant(account, rows[0], entity, amount(params.included_grant))
            rows = [account.rows[row.id] for row in rows]
        before = snapshot_for_webhooks(transaction, account)
        if rows and remaining is not None:
            target = amount(remaining)
            _move(account, feature, entity, rows, _raw(rows, entity) - target)
        elif rows and params.usage is not None:
            granted = _granted_by(rows, entity)
            _move(account, feature, entity, rows, _raw(rows, entity) - (granted - amount(params.usage)))
        elif rows and params.add_to_balance is not None:
            _add(account, rows[0], amount(params.add_to_balance), entity)
        queue_webhooks(transaction, before, account, entity)
        if params.next_reset_at is not None or expires_at is not None:
            if not rows:
                raise invalid_request(
                    f"No balances found for feature {feature.id}, customer {params.customer_id}", status=404
                )
            if params.next_reset_at is not None:
                row = _next_to_reset(account, rows, params)
                account.put(replace(row, next_reset_at=instant(params.next_reset_at)))
            if expires_at is not None:
                account.put(replace(account.rows[rows[0].id], expires_at=instant(expires_at)))
        store(transaction, account)


def _next_to_reset(account: Account, rows: list[Balance], params: BalancesUpdate) -> Balance:
    """The row that is reset first; 400 when none ever is."""
    found = [account.rows[row.id] for row in rows]
    resetting = [row for row in found if row.reset is not None and row.reset.interval != "one_off"]
    if not resetting:
        raise invalid_request(
            f"Cannot update next reset at for lifetime balance "
            f"(feature {params.feature_id}, customer {params.customer_id})"
        )
    return min(resetting, key=lambda row: (row.next_reset_at is None, row.next_reset_at or 0))


def _none_to_update(feature: Feature, params: BalancesUpdate) -> ApiError:
    return invalid_request(f"No balances to update for feature {feature.id}, customer {params.customer_id}", status=404)


def _named(
    account: Account, feature_id: str | None, entity: Entity | None, params: BalancesUpdate | BalancesDelete
) -> list[Balance]:
    return _selected(account, feature_id, entity, params.balance_id, params.customer_entitlement_id, params.interval)


def _selected(
    account: Account,
    feature_id: str | None,
    entity: Entity | None,
    balance_id: str | None = None,
    row_id: str | None = None,
    interval: Interval | None = None,
) -> list[Balance]:
    """The rows that a call's selectors name, in the order they are spent."""
    rows = [
        row
        for row in account.visible(entity)
        if feature_id in (None, row.feature_id)
        and (balance_id is None or balance_id in (row.external_id, row.id))
        and (row_id is None or row.id == row_id)
        and (interval is None or (row.reset is not None and row.reset.interval == interval))
    ]
    return for_spending(account, rows, entity)


def _raw(rows: list[Balance], entity: Entity | None) -> Decimal:
    return sum((raw for row in rows for raw in raw_balances(row, entity)), ZERO)


def _granted_by(rows: list[Balance], entity: Entity | None) -> Decimal:
    """The grants of rows; of a row that is split over entities, all shares."""
    return sum((ceiling(row, share) for row in rows for share in share_ids(row, entity)), ZERO)


def _move(account: Account, feature: Feature, entity: Entity | None, rows: list[Balance], by: Decimal) -> None:
    deduct(account, feature, by, entity=entity, behaviour="allow", rows=rows)


def _add(account: Account, row: Balance, value: Decimal, entity: Entity | None) -> None:
    """Add to one row alone, past its grant and below zero."""
    bare = replace(row, rollovers=())
    account.put(bare)
    deduct(account, account.features[row.feature_id], -value, entity=entity, behaviour="allow", rows=[bare])
    account.put(replace(account.rows[row.id], rollovers=row.rollovers))


def _set_grant(account: Account, row: Balance, entity: Entity | None, target: Decimal) -> None:
    """Set what a row grants; of a row that is split over entities, the share of ``entity``, or all shares."""
    if row.is_per_entity:
        shares = {
            name: replace(share, adjustment=target - row.included)
            for name, share in row.shares.items()
            if entity is None or name == entity.id
        }
        account.put(replace(row, shares={**row.shares, **shares}))
    else:
        account.put(replace(row, adjustment=target - row.included))


def delete(call: Call, params: BalancesDelete) -> None:
    """Delete the balances that the selectors name, those of plans too unless they are paid for.

    With ``recalculate_balances`` what was used of them is deducted from the other rows of the feature.
    """
    environment = call.environment
    feature_id = params.feature_id
    if params.recalculate_balances and not feature_id:
        raise invalid_request("feature_id is required when recalculate_balances is true")
    with call.write() as transaction:
        customer = get_customer(environment, params.customer_id)
        entity = find_entity(environment, customer, params.entity_id) if params.entity_id else None
        account = open_account(call, transaction, customer)
        rows = _selected(
            account, feature_id, entity, params.balance_id, params.customer_entitlement_id, params.interval
        )
        if not rows:
            raise _no_balance(feature_id, params.customer_id)
        for row in rows:
            if row.price is not None:
                raise invalid_request(
                    f"Cannot delete paid balance for feature {row.feature_id} and customer {params.customer_id}",
                    status=409,
                )
        used = _used(rows, entity) if params.recalculate_balances else ZERO
        carrier = rows[0] if used > 0 and len(rows) == len(_selected(account, rows[0].feature_id, entity)) else None
        if not params.balance_id and not params.interval:
            rows += _hidden(account, feature_id, entity)
        for row in rows:
            if row is not carrier:
                transaction.delete(row)
                del account.rows[row.id]
        if carrier is not None:
            account.put(_carrier(carrier, used, entity))
        elif used and feature_id is not None:
            feature = account.features[feature_id]
            _move(account, feature, entity, _selected(account, feature_id, entity), used)
        store(transaction, account)


def _used(rows: list[Balance], entity: Entity | None) -> Decimal:
    limited = [row for row in rows if not row.unlimited]
    return _granted_by(limited, entity) - _raw(limited, entity)


def _carrier(row: Balance, used: Decimal, entity: Entity | None) -> Balance:
    """A row that keeps what was used of deleted ones, where no other row of the feature is left: it grants nothing
    and is not reset."""
    row = replace(row, next_reset_at=None, rollovers=())
    if not row.is_per_entity:
        return replace(row, balance=-used, adjustment=-row.grant)
    shares = {
        name: replace(share, balance=share.balance - ceiling(row, name), adjustment=-row.grant)
        for name, share in row.shares.items()
        if entity is None or name == entity.id
    }
    return replace(row, shares={**row.shares, **shares})


def _hidden(account: Account, feature_id: str | None, entity: Entity | None) -> list[Balance]:
    """Drained and expired loose rows, which are deleted with the others."""
    shown = {row.id for row in account.visible(entity)}
    entity_id = entity.id if entity is not None else None
    return [
        row
        for row in account.rows.values()
        if row.is_loose and row.id not in shown and row.entity_id == entity_id and feature_id in (None, row.feature_id)
    ]


def _no_balance(feature_id: str | None, customer_id: str) -> ApiError:
    return invalid_request(
        f"Balance not found for feature {feature_id or 'undefined'} and customer {customer_id}", status=404
    )


def set_usage(call: Call, params: SetUsage) -> None:
    """``/v1/usage``: set how much of a feature was used; creates the customer when there is none."""
    environment = call.environment
    with call.write() as transaction:
        feature = call.feature(params.feature_id)
        customer = get_or_create_customer(call, transaction, params.customer_id, params.customer_data or CustomerData())
        entity = _entity(environment, customer, params.entity_id)
        account = open_account(call, transaction, customer)
        rows = _selected(account, feature.id, entity)
        if rows:
            granted = _granted_by(rows, entity)
            before = snapshot_for_webhooks(transaction, account)
            _move(account, feature, entity, rows, _raw(rows, entity) - (granted - amount(params.value)))
            queue_webhooks(transaction, before, account, entity)
            store(transaction, account)


def recalculated(call: Call, params: Recalculate, *, keep: bool) -> list[tuple[Balance, Balance]]:
    """Level overdrawn rows of a feature with the others; returns each row before and after.

    ``keep`` False only previews.
    """
    environment = call.environment
    with call.write() as transaction:
        customer = get_customer(environment, params.customer_id)
        feature = call.feature(params.feature_id)
        entity = _entity(environment, customer, params.entity_id)
        account = open_account(call, transaction, customer)
        rows = in_order(account, _selected(account, feature.id, entity, interval=params.interval), entity)
        if not rows:
            raise _no_balance(feature.id, params.customer_id)
        _level(account, rows)
        pairs = [(row, account.rows[row.id]) for row in rows]
        if keep:
            store(transaction, account)
        return pairs


def _level(account: Account, rows: list[Balance]) -> None:
    """Pay the overdraft of some rows from those with a remaining balance."""
    debt = sum((max(-row.balance, ZERO) for row in rows if not row.unlimited), ZERO)
    for row in rows:
        if row.unlimited or row.is_per_entity:
            continue
        if row.balance > 0 and debt > 0:
            paid = min(row.balance, debt)
            debt -= paid
            account.put(replace(row, balance=row.balance - paid))
    for row in reversed(rows):
        if not row.unlimited and row.balance < 0:
            left = min(-row.balance, debt)
            debt -= left
            account.put(replace(row, balance=-left))
