"""Laws that every deduction obeys, whatever the account."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from autumn_mock.domain.amount import ZERO, amount, rounded
from autumn_mock.domain.balance import Balance
from autumn_mock.domain.controls import BillingControls
from autumn_mock.domain.lock import Mutation
from autumn_mock.ledger.account import Account, ceiling, raw_balance, share_ids
from autumn_mock.ledger.deduction import (
    Behaviour,
    InsufficientBalance,
    SingleRow,
    may_overdraw,
    spendable_rows,
    summarise,
)
from autumn_mock.ledger.intervals import HOUR
from autumn_mock.ledger.limits import UsageGate, overdrawn, spend_limit
from autumn_mock.ledger.locks import held_value, settle
from autumn_mock.ledger.views import allows, balance_view
from tests.ledger.builders import (
    EXACT_COSTS,
    NOW,
    Case,
    account,
    amounts,
    balance,
    behaviours,
    cases,
    copy,
    entity,
    feature,
    hold,
    positive,
    receipt,
    take,
    usage_limit,
)
from tests.support.effort import examples

law = settings(deadline=None, max_examples=examples(100))
#: Apart by less than this is equal: one unit of the precision that is shown.
TINY = Decimal("1e-10")

Numbers = dict[tuple[str, str | None, str | None], Decimal]


def numbers(target: Account) -> Numbers:
    """Every number of an account by (row, rollover, share)."""
    found: Numbers = {}
    for row in target.rows.values():
        if not row.is_per_entity:
            found[row.id, None, None] = row.balance
        for name, share in row.shares.items():
            found[row.id, None, name] = share.balance
        for each in row.rollovers:
            if not row.is_per_entity:
                found[row.id, each.id, None] = each.balance
            for name, (left, _) in each.shares.items():
                found[row.id, each.id, name] = left
    return found


def main_numbers(target: Account) -> Numbers:
    return {key: value for key, value in numbers(target).items() if key[1] is None}


def rollover_numbers(target: Account) -> Numbers:
    return {key: value for key, value in numbers(target).items() if key[1] is not None}


def units(steps: list[Mutation]) -> Decimal:
    return sum((step.units for step in steps), ZERO)


def cost(case: Case, row: Balance) -> Decimal:
    if row.feature_id == case.feature.id:
        return Decimal(1)
    found = case.account.features[row.feature_id].cost_of(case.feature.id)
    assert found is not None
    return found.rate()


def takes_everything(case: Case) -> bool:
    """Whether an unlimited row is in front."""
    rows = spendable_rows(case.account, case.feature, case.entity)
    return bool(rows) and rows[0].unlimited


# -- many uses together


@law
@given(cases(), st.lists(st.sampled_from([0, 1, 1.0, 2.5, 0.1, 7, -1, 40]), max_size=8), behaviours)
def test_a_plain_row_takes_what_deduct_takes(case: Case, values: list[float], behaviour: Behaviour) -> None:
    """The uses that a plain row accepts change the account, and list deductions, as each of them alone does."""
    one_by_one, together = case.again(), case.again()
    one_by_one.entity = together.entity = None
    plain = SingleRow.find(together.account, case.feature)
    if plain is None:
        return
    for value in values:
        used = plain.take(value)
        if used is None:
            break
        assert used == (amount(value), summarise(one_by_one.account, one_by_one.take(amount(value), behaviour)))
    plain.store()
    assert together.account.rows == one_by_one.account.rows
    assert together.account.windows == one_by_one.account.windows
    assert together.account.changed == {
        row_id: row for row_id, row in one_by_one.account.changed.items() if row != case.account.rows[row_id]
    }


def test_a_plain_row_pays_to_the_last_unit_and_no_further() -> None:
    made = account(balance(6))
    plain = SingleRow.find(made, made.features["messages"])
    assert plain is not None
    assert [plain.take(value) is not None for value in (3, 2, 1, 1, 0, -1)] == [True, True, True, False, True, False]


# -- conservation


@law
@given(cases(), amounts, st.booleans(), behaviours)
def test_what_rows_lost_is_what_was_taken(case: Case, value: Decimal, back: bool, behaviour: Behaviour) -> None:
    """Every number changed by the sum of its steps; native and units of a step agree by cost."""
    before = numbers(case.account)
    try:
        steps = case.take(-value if back else value, behaviour)
    except InsufficientBalance:
        steps = []
    moved: Numbers = defaultdict(Decimal)
    for step in steps:
        moved[step.balance_id, step.rollover_id, step.entity_id] += step.native
        row = case.account.rows[step.balance_id]
        assert abs(step.units * cost(case, row) - step.native) < TINY
    after = numbers(case.account)
    assert all(abs(before[key] - after[key] - moved[key]) < TINY for key in before)


@law
@given(cases(unlimited=False), amounts)
def test_cap_takes_no_more_than_asked_and_never_gives(case: Case, value: Decimal) -> None:
    steps = case.take(value)
    assert 0 <= units(steps) <= value + TINY
    assert all(step.native > 0 for step in steps)


@law
@given(cases(unlimited=False), amounts, behaviours)
def test_a_refund_gives_back_no_more_than_asked(case: Case, value: Decimal, behaviour: Behaviour) -> None:
    steps = case.take(-value, behaviour)
    assert -value - TINY <= units(steps) <= 0
    assert all(step.native < 0 for step in steps)


@law
@given(cases(unlimited=False, spend=False), amounts)
def test_overflow_leaves_nothing_over_without_a_spend_limit(case: Case, value: Decimal) -> None:
    assume(spendable_rows(case.account, case.feature, case.entity))
    for sign in (1, -1):
        assert abs(units(case.again().take(sign * value, "overflow")) - sign * value) < TINY


@law
@given(cases(), amounts)
def test_the_summary_adds_up_to_the_steps(case: Case, value: Decimal) -> None:
    """Deductions name each row or rollover once, and no sum of zero."""
    steps = case.take(value)
    deductions = summarise(case.account, steps)
    assert sum((each.value for each in deductions), ZERO) == sum((step.native for step in steps), ZERO)
    names = [each.balance_id for each in deductions]
    assert len(names) == len(set(names))
    assert all(each.value for each in deductions)


# -- reject


@law
@given(cases(), amounts)
def test_reject_takes_all_or_leaves_every_row_as_it_is(case: Case, value: Decimal) -> None:
    rows, windows = dict(case.account.rows), dict(case.account.windows)
    had_rows = bool(spendable_rows(case.account, case.feature, case.entity))
    try:
        steps = case.take(value, "reject")
    except InsufficientBalance:
        assert case.account.rows.keys() == rows.keys()
        assert all(case.account.rows[key] is row for key, row in rows.items())
        assert case.account.windows == windows
    else:
        assert abs(units(steps) - (value if had_rows else 0)) < TINY


def overdraws_alike(case: Case) -> bool:
    """Whether "cap" and "reject" may overdraw the same rows. What is held (seats) goes below zero freely under "cap"
    and not under "reject" (deduction.md 4.5), so beside a priced row the two take from different rows."""
    rows = case.account.rows.values()
    cap, reject = ([may_overdraw(case.account, row, case.entity, how) for row in rows] for how in ("cap", "reject"))
    return cap == reject


@law
@given(cases(), amounts)
def test_reject_takes_what_cap_takes_when_it_fits(case: Case, value: Decimal) -> None:
    assume(overdraws_alike(case))
    other = case.again()
    try:
        steps = case.take(value, "reject")
    except InsufficientBalance:
        return
    assert other.take(value, "cap") == steps
    assert other.account.rows == case.account.rows


@law
@given(cases(), amounts)
def test_a_refund_is_never_rejected(case: Case, value: Decimal) -> None:
    case.take(-value, "reject")


# -- floors


@law
@given(cases(unlimited=False), amounts, st.sampled_from(["cap", "reject"]))
def test_rows_without_leave_to_overdraw_stop_at_zero(case: Case, value: Decimal, behaviour: Behaviour) -> None:
    before = main_numbers(case.account)
    leave = {row.id: may_overdraw(case.account, row, case.entity, behaviour) for row in case.account.rows.values()}
    try:
        case.take(value, behaviour)
    except InsufficientBalance:
        return
    for key, left in main_numbers(case.account).items():
        if not leave[key[0]]:
            assert left >= min(before.get(key, left), ZERO)


@law
@given(cases(unlimited=False, spend=False), amounts, st.sampled_from(["cap", "reject"]))
def test_priced_rows_stop_at_their_purchase_limit(case: Case, value: Decimal, behaviour: Behaviour) -> None:
    before = main_numbers(case.account)
    try:
        case.take(value, behaviour)
    except InsufficientBalance:
        return
    for key, left in main_numbers(case.account).items():
        row = case.account.rows[key[0]]
        if row.usage_allowed and row.usage_limit is not None:
            assert left >= min(before[key], -(row.usage_limit - row.included), ZERO)


@law
@given(cases(), amounts, behaviours)
def test_rollovers_stop_at_zero(case: Case, value: Decimal, behaviour: Behaviour) -> None:
    try:
        case.take(value, behaviour)
    except InsufficientBalance:
        return
    assert all(left >= 0 for left in rollover_numbers(case.account).values())


@law
@given(cases(unlimited=False), amounts, behaviours)
def test_spend_limits_hold(case: Case, value: Decimal, behaviour: Behaviour) -> None:
    """All rows of a feature together are never further below zero than its limit, or than they were."""
    limits = {
        each: (spend_limit(case.account, case.entity, each), overdrawn(case.account, case.entity, each))
        for each in case.account.features
    }
    try:
        case.take(value, behaviour)
    except InsufficientBalance:
        return
    for each, (limit, before) in limits.items():
        if limit is not None:
            assert overdrawn(case.account, case.entity, each) <= max(limit, before) + TINY


@law
@given(cases(), st.lists(amounts, min_size=1, max_size=4), st.sampled_from(["cap", "reject"]))
def test_usage_limits_hold(case: Case, values: list[Decimal], behaviour: Behaviour) -> None:
    """A counter never exceeds its limit unless something passed it by."""
    assume(not takes_everything(case))
    for value in values:
        try:
            case.take(value, behaviour)
        except InsufficientBalance:
            continue
    limits = {each.feature_id: each.limit for each in case.account.customer.billing_controls.usage_limits or ()}
    for window in case.account.windows.values():
        assert window.counted <= limits[window.id.split()[1]] + TINY


@law
@given(cases(spend=False), amounts)
def test_overflow_passes_usage_limits_and_is_counted(case: Case, value: Decimal) -> None:
    assume(not takes_everything(case) and spendable_rows(case.account, case.feature, case.entity))
    steps = case.take(value, "overflow")
    limits = {each.feature_id for each in case.account.customer.billing_controls.usage_limits or ()}
    if case.feature.id in limits and not case.feature.is_credit_system and value:
        (window,) = (each for each in case.account.windows.values() if each.id.split()[1] == case.feature.id)
        assert abs(window.counted - units(steps)) < TINY


# -- giving back


@law
@given(cases(unlimited=False), amounts, st.sampled_from(["cap", "reject"]))
def test_a_refund_raises_nothing_above_its_grant(case: Case, value: Decimal, behaviour: Behaviour) -> None:
    before = main_numbers(case.account)
    case.take(-value, behaviour)
    for key, left in main_numbers(case.account).items():
        if key in before:
            assert left <= max(before[key], ceiling(case.account.rows[key[0]], key[2]))
            assert left >= before[key]


@law
@given(cases(), amounts, behaviours)
def test_a_refund_never_touches_rollovers_or_counters(case: Case, value: Decimal, behaviour: Behaviour) -> None:
    before, windows = rollover_numbers(case.account), dict(case.account.windows)
    case.take(-value, behaviour)
    assert rollover_numbers(case.account) == before
    assert case.account.windows == windows


@law
@given(cases(unlimited=False), amounts)
def test_a_refund_pays_debts_first(case: Case, value: Decimal) -> None:
    """A row is raised above zero only when no row that counts is below."""
    ids = {row.id for row in spendable_rows(case.account, case.feature, case.entity)}
    before = main_numbers(case.account)
    steps = case.take(-value)
    after = main_numbers(case.account)
    raised = any(after[key] > 0 and after[key] > before.get(key, ZERO) for key in after)
    if raised:
        seen = set(share_names(case, ids))
        assert all(left > -TINY for key, left in after.items() if (key[0], key[2]) in seen)
    assert all(step.balance_id in ids for step in steps)


def share_names(case: Case, ids: set[str]) -> list[tuple[str, str | None]]:
    """The numbers that a call may touch."""
    return [(each, share) for each in ids for share in share_ids(case.account.rows[each], case.entity)]


# -- order


@law
@given(cases(unlimited=False), amounts)
def test_a_row_is_touched_only_when_those_before_it_are_empty_or_blocked(case: Case, value: Decimal) -> None:
    rows = spendable_rows(case.account, case.feature, case.entity)
    steps = [step for step in case.take(value) if step.rollover_id is None]
    gate = UsageGate(case.account, rows, case.entity, case.feature, None)
    order = [row.id for row in rows]
    touched = {step.balance_id for step in steps}
    for place, row_id in enumerate(order):
        if touched.isdisjoint(order[place + 1 :]):
            break
        row = case.account.rows[row_id]
        empty = all(raw_balance(row, share) <= 0 for share in share_ids(row, case.entity))
        assert empty or gate.room(row, cost(case, row)) < TINY * 100


@law
@given(cases(unlimited=False, usage=False, spend=False), amounts)
def test_a_row_is_overdrawn_only_when_those_before_it_are_as_far_as_they_may(case: Case, value: Decimal) -> None:
    rows = spendable_rows(case.account, case.feature, case.entity)
    before = main_numbers(case.account)
    case.take(value)
    after = main_numbers(case.account)
    numbers_ = [(row.id, None, share) for row in rows for share in share_ids(row, case.entity)]
    overdrew = [after[key] < min(before.get(key, ZERO), ZERO) for key in numbers_ if key in after]
    numbers_ = [key for key in numbers_ if key in after]
    for place, key in enumerate(numbers_):
        row = case.account.rows[key[0]]
        if not any(overdrew[place + 1 :]):
            break
        if may_overdraw(case.account, row, case.entity):
            assert row.usage_allowed
            assert row.usage_limit is not None
            assert after[key] <= -(row.usage_limit - row.included) + TINY


@law
@given(cases(unlimited=False, usage=False), positive)
def test_rows_wait_until_rollovers_are_spent(case: Case, value: Decimal) -> None:
    """A row of the call loses something only when the rollovers that the call may take from are empty."""
    ids = {row.id for row in spendable_rows(case.account, case.feature, case.entity)}
    steps = case.take(value)
    if any(step.rollover_id is None for step in steps):
        reachable = share_names(case, ids)
        left = rollover_numbers(case.account)
        assert all(value < TINY for key, value in left.items() if (key[0], key[2]) in reachable)


@law
@given(cases(), amounts)
def test_order_depends_on_the_rows_and_not_on_their_sequence(case: Case, value: Decimal) -> None:
    """Accounts that hold the same rows in another sequence are spent alike (rows of one age apart)."""
    ages = [row.created_at for row in case.account.rows.values()]
    assume(len(set(ages)) == len(ages))
    other = copy(case.account)
    other.rows = dict(reversed(other.rows.items()))
    steps = case.take(value)
    assert [s for s in Case(other, case.feature, case.entity).take(value) if s.rollover_id is None] == [
        s for s in steps if s.rollover_id is None
    ]


# -- unlimited


@law
@given(cases(), positive, st.booleans(), behaviours)
def test_an_unlimited_row_takes_everything(case: Case, value: Decimal, back: bool, behaviour: Behaviour) -> None:
    feature_id = "credits" if case.feature.id == "action1" else case.feature.id
    case.account.put(balance(0, row_id="endless", feature_id=feature_id, unlimited=True, created_at=9))
    rows = dict(case.account.rows)
    first = spendable_rows(case.account, case.feature, case.entity)[0]
    steps = case.take(-value if back else value, behaviour)
    assert units(steps) == (-value if back else value)
    assert {step.balance_id for step in steps} == {first.id}
    assert all(case.account.rows[key] is row for key, row in rows.items() if key != first.id)


@law
@given(positive, positive)
def test_an_unlimited_balance_shows_what_was_used(first: Decimal, second: Decimal) -> None:
    made = account(balance(0, unlimited=True))
    case = Case(made, made.features["messages"], None)
    case.take(first)
    case.take(-second)
    view = balance_view(made, case.feature, None)
    assert view is not None
    assert [view.usage, view.granted, view.remaining] == [first - second, 0, 0]


# -- credits


@law
@given(st.lists(amounts, min_size=1, max_size=4), amounts, st.sampled_from(EXACT_COSTS))
def test_a_feature_paid_in_credits_takes_cost_times_its_amount(
    grants: list[Decimal], value: Decimal, unit: str
) -> None:
    """Using v of a feature is using v x cost of its credit system, when the feature has no rows of its own."""
    rows = [balance(grant, row_id=f"row{n}", feature_id="credits", created_at=n) for n, grant in enumerate(grants)]
    features = (feature("action1"), feature("credits", costs={"action1": unit}))
    by_feature, by_credits = account(*rows, features=features), account(*rows, features=features)
    Case(by_feature, features[0], None).take(value)
    Case(by_credits, features[1], None).take(value * Decimal(unit))
    assert main_numbers(by_feature) == main_numbers(by_credits)


@law
@given(
    st.lists(positive, min_size=2, max_size=4),
    st.sampled_from(["0.7", "3", "0.6", "7"]),
    positive,
)
def test_conversion_leaves_no_dust(grants: list[Decimal], unit: str, value: Decimal) -> None:
    """Whatever the cost, no row keeps digits beyond the ten decimals that are shown: dust would keep a drained loose
    row in sight and turn an exact fit into a misfit."""
    rows = [balance(grant, row_id=f"row{n}", feature_id="credits", created_at=n) for n, grant in enumerate(grants)]
    features = (feature("action1"), feature("credits", costs={"action1": unit}))
    made = account(*rows, features=features)
    Case(made, features[0], None).take(value)
    assert all(left == rounded(left) for left in main_numbers(made).values())


# -- exactness, and what does not depend on order


@law
@given(cases(unlimited=False, usage=False, costs=EXACT_COSTS), positive)
def test_using_and_giving_back_restores_exactly_when_it_fit(case: Case, value: Decimal) -> None:
    """Within the grants of rows that were full: what goes beyond rows, into rollovers, is not given back."""
    full = {row.id: fill(row) for row in case.account.rows.values() if not row.is_loose}
    assume(full)
    case.account.rows = dict(full)
    before = numbers(case.account)
    try:
        case.take(value, "reject")
    except InsufficientBalance:
        return
    assert case.take(-value) or not spendable_rows(case.account, case.feature, case.entity)
    assert numbers(case.account) == before


def fill(row: Balance) -> Balance:
    shares = {name: replace(share, balance=row.grant) for name, share in row.shares.items()}
    return replace(row, balance=ZERO if row.is_per_entity else row.grant, shares=shares, rollovers=())


def with_another_order(values: list[Decimal]) -> st.SearchStrategy[tuple[list[Decimal], list[Decimal]]]:
    return st.tuples(st.just(values), st.permutations(values))


@law
@given(cases(unlimited=False, costs=EXACT_COSTS), st.lists(amounts, min_size=2, max_size=5).flatmap(with_another_order))
def test_the_order_of_uses_that_all_fit_does_not_matter(
    case: Case, orders: tuple[list[Decimal], list[Decimal]]
) -> None:
    values, shuffled = orders
    assume(overdraws_alike(case))
    case.account.hides_drained = False  # else a later use does not find a row that an earlier one drained
    first, second = case, case.again()
    for value in values:
        try:
            first.take(value, "reject")
        except InsufficientBalance:
            return
    for value in shuffled:
        second.take(value)
    assert numbers(first.account) == numbers(second.account)
    assert first.account.windows == second.account.windows


@law
@given(cases(unlimited=False, costs=EXACT_COSTS), amounts, amounts)
def test_two_uses_are_one_use_of_the_sum(case: Case, first: Decimal, second: Decimal) -> None:
    case.account.hides_drained = False  # else the second use does not find a row that the first drained
    together = case.again()
    case.take(first)
    case.take(second)
    together.take(first + second)
    assert numbers(case.account) == numbers(together.account)


# -- locks


def no_drained_loose(case: Case) -> bool:
    """Whether every loose row still counts. One that the deduction drained to exactly zero is hidden, so that undoing
    finds it gone, and refunds its part to rows that may have no room for it: that much of a release is lost."""
    return not any(case.account.is_hidden(row) for row in case.account.rows.values())


@law
@given(cases(), amounts, behaviours, st.booleans())
def test_hold_then_release_changes_nothing(case: Case, value: Decimal, behaviour: Behaviour, back: bool) -> None:
    """Rows and rollovers are as before; rollover usage too. Drained loose rows: see :func:`no_drained_loose`."""
    before = numbers(case.account)
    used = rollover_usages(case.account)
    try:
        steps = case.take(-value if back else value, behaviour)
    except InsufficientBalance:
        return
    assume(no_drained_loose(case))
    lock = receipt(steps, case.feature.id, who=case.who)
    settle(case.account, lock, case.entity, ZERO)
    after = numbers(case.account)
    assert all(abs(after[key] - left) < TINY for key, left in before.items())
    assert all(abs(usage - used[key]) < TINY for key, usage in rollover_usages(case.account).items())


def rollover_usages(target: Account) -> dict[tuple[str, str], Decimal]:
    return {
        (each.id, name): usage
        for row in target.rows.values()
        for each in row.rollovers
        for name, usage in {"": each.usage, **{name: share[1] for name, share in each.shares.items()}}.items()
    }


@pytest.mark.parametrize("unit", ["3", "0.7", "7", "0.2"])
@pytest.mark.parametrize("final", [0, 1])
def test_undoing_over_credits_restores_them_exactly(unit: str, final: int) -> None:
    """A lock for more than there is, paid in credits at a cost without a finite reciprocal."""
    features = (feature("action1"), feature("credits", costs={"action1": unit}))
    made = account(balance(10, feature_id="credits"), features=features)
    lock = hold(made, 500, "action1")
    assert made.rows["row"].balance == 0
    settle(made, lock, None, Decimal(final))
    assert made.rows["row"].balance == 10 - final * Decimal(unit)


@law
@given(cases(unlimited=False, costs=EXACT_COSTS), positive)
def test_hold_then_release_frees_what_usage_limits_counted(case: Case, value: Decimal) -> None:
    assume(no_drained_loose(case))
    steps = case.take(value)
    assume(no_drained_loose(case))
    settle(case.account, receipt(steps, case.feature.id, who=case.who), case.entity, ZERO)
    assert all(window.counted == 0 for window in case.account.windows.values())


@law
@given(cases(), amounts, st.booleans())
def test_hold_then_confirm_changes_nothing_more(case: Case, value: Decimal, back: bool) -> None:
    steps = case.take(-value if back else value)
    rows = dict(case.account.rows)
    lock = receipt(steps, case.feature.id, who=case.who)
    assert settle(case.account, lock, case.entity, held_value(lock)) == []
    assert case.account.rows == rows


@law
@given(cases(unlimited=False, costs=EXACT_COSTS), amounts, amounts)
def test_confirming_another_value_ends_as_if_it_had_been_used(case: Case, held: Decimal, final: Decimal) -> None:
    """When both fit and no loose row was drained by what was held (see :func:`no_drained_loose`).

    Credits are used after own rows and rollovers before both, so undoing from the end leaves what a smaller use takes.
    """
    direct = case.again()
    try:
        steps = case.take(held, "reject")
        direct.take(final, "reject")
    except InsufficientBalance:
        return
    assume(no_drained_loose(case) and spendable_rows(case.account, case.feature, case.entity))
    lock = replace(receipt(steps, case.feature.id, who=case.who), overage_behavior="reject")  # as it was held
    settle(case.account, lock, case.entity, final)
    assert numbers(case.account) == numbers(direct.account)
    counted = {key: each.counted for key, each in case.account.windows.items() if each.counted}
    assert counted == {key: each.counted for key, each in direct.account.windows.items() if each.counted}


@law
@given(cases(), amounts, behaviours, st.decimals(-20, 20, places=2))
def test_settling_moves_as_much_as_it_says(case: Case, held: Decimal, behaviour: Behaviour, final: Decimal) -> None:
    try:
        lock = receipt(case.take(held, behaviour), case.feature.id, who=case.who)
    except InsufficientBalance:
        return
    before = numbers(case.account)
    steps = settle(case.account, lock, case.entity, final)
    after = numbers(case.account)
    moved: Numbers = defaultdict(Decimal)
    for step in steps:
        moved[step.balance_id, step.rollover_id, step.entity_id] += step.native
    assert all(abs(before[key] - after[key] - moved[key]) < TINY for key in before)


# -- views


@law
@given(cases(unlimited=False, costs=EXACT_COSTS), amounts, behaviours)
def test_a_balance_adds_up(case: Case, value: Decimal, behaviour: Behaviour) -> None:
    """granted - usage is what is left, signed; remaining is that, with debts not counted."""
    try:
        case.take(value, behaviour)
    except InsufficientBalance:
        return
    for each in case.account.features.values():
        view = balance_view(case.account, each, case.entity)
        if view is None:
            continue
        own = [row for row in case.account.visible(case.entity) if row.feature_id == each.id]
        owned = case.account.owned_by_entities(each.id) if case.entity is None else []
        signed = sum((raw for row in own for raw in raws(row, case)), ZERO) + sum((r.balance for r in owned), ZERO)
        kept = sum((r.balance for r in view.rollovers), ZERO) + sum(
            (o.balance for r in owned for o in r.rollovers), ZERO
        )
        assert view.granted - view.usage == signed + kept
        assert view.remaining >= view.granted - view.usage
        assert view.remaining >= view.spendable >= 0
        assert (view.remaining == view.granted - view.usage) or any(
            raw < 0 for row in [*own, *owned] for raw in raws(row, case)
        )
        for line in view.breakdown:
            assert line.usage == line.included_grant + line.prepaid_grant - line.raw
            assert line.remaining >= max(line.raw, ZERO)


def raws(row: Balance, case: Case) -> list[Decimal]:
    return [raw_balance(row, share) for share in share_ids(row, case.entity)]


@law
@given(cases(usage=False, spend=False, overage=False), positive)
def test_views_change_nothing(case: Case, value: Decimal) -> None:
    rows = dict(case.account.rows)
    view = balance_view(case.account, case.feature, case.entity)
    allows(case.account, view, case.entity, case.feature, value)
    assert case.account.rows == rows
    assert not case.account.changed


@law
@given(cases(credit_rows=False, usage=False), positive)
def test_what_a_view_allows_can_be_taken(case: Case, value: Decimal) -> None:
    """A use that check allows is one that reject accepts, and the reverse, while nothing is overdrawn: check takes
    every debt off what may be overdrawn, even of a row that its entity may not overdraw."""
    assume(all(left >= 0 for left in main_numbers(case.account).values()))
    view = balance_view(case.account, case.feature, case.entity)
    allowed = allows(case.account, view, case.entity, case.feature, value)
    assume(view is not None and view.breakdown)
    try:
        case.take(value, "reject")
    except InsufficientBalance:
        assert not allowed
    else:
        assert allowed


@pytest.mark.parametrize("behaviour", ["cap", "reject", "overflow", "allow"])
def test_zero_moves_nothing(behaviour: Behaviour) -> None:
    made = account(balance(5))
    row = made.rows["row"]
    assert Case(made, made.features["messages"], None).take(ZERO, behaviour) == []
    assert made.rows["row"] is row
    assert not made.changed


def test_undoing_finds_the_counter_that_the_hold_used() -> None:
    """A day of a usage limit begins at the reset of the row that is spent first, whichever row is first."""
    made = account(
        balance(10, row_id="month", interval="month", next_reset_at=NOW + 5 * HOUR),
        balance(10, row_id="hour", interval="hour", next_reset_at=NOW + HOUR // 6),
        controls=BillingControls(usage_limits=(usage_limit(6),)),
    )
    case = Case(made, made.features["messages"], None)
    lock = receipt(case.take(Decimal(6)))
    settle(made, lock, None, Decimal(4))
    assert [window.counted for window in made.windows.values()] == [4]
    assert units(case.take(Decimal(6))) == 2


def test_a_counter_goes_on_when_the_row_that_sets_its_day_is_drained() -> None:
    """Whatever becomes hidden, no more than the limit is taken in one day."""
    made = account(
        balance(3, row_id="hour", plan=None, interval="hour", next_reset_at=NOW + HOUR // 6),
        balance(10, row_id="month", interval="month", next_reset_at=NOW + 5 * HOUR),
        controls=BillingControls(usage_limits=(usage_limit(6),)),
    )
    taken = units(Case(made, made.features["messages"], None).take(Decimal(3)))
    later = copy(made)
    taken += units(Case(later, later.features["messages"], None).take(Decimal(10)))
    assert taken == 6


@law
@given(
    callers=st.lists(st.sampled_from([None, "e1", "e2"]), min_size=2, max_size=6),
    resets=st.lists(st.integers(1, 47), min_size=3, max_size=3),
)
def test_customer_limit_counts_in_one_window_for_every_entity(callers: list[str | None], resets: list[int]) -> None:
    """Entities that own rows with other resets do not begin a day of their own."""
    made = account(
        *(
            balance(9, row_id=f"of_{who}", entity_id=who, next_reset_at=NOW + hours * HOUR // 2)
            for who, hours in zip((None, "e1", "e2"), resets, strict=True)
        ),
        entities=(entity("e1"), entity("e2")),
        controls=BillingControls(usage_limits=(usage_limit(6),)),
    )
    taken = sum((units(take(made, 4, who=who)) for who in callers), ZERO)
    assert taken == 6
    assert [window.counted for window in made.windows.values()] == [6]


def test_an_expired_row_has_gone_when_a_lock_is_released() -> None:
    """What it held is refunded to the rows there are, as for a row that was deleted."""
    made = account(
        balance(5, row_id="short", plan=None, interval="one_off", expires_at=NOW + HOUR),
        balance(10, row_id="long", left=2),
    )
    lock = receipt(Case(made, made.features["messages"], None).take(Decimal(3)))
    assert {step.balance_id for step in lock.mutations} == {"long", "short"}
    later = copy(made, now=NOW + 2 * HOUR)
    settle(later, lock, None, ZERO)
    assert later.rows["long"].balance == 3


@pytest.mark.parametrize("who", [None, "e1"])
def test_an_unlimited_share_counts_its_usage(who: str | None) -> None:
    """An unlimited row that is split over entities shows what was used, to the entity and to the customer."""
    made = account(
        balance(0, unlimited=True, interval=None, entity_feature_id="seats", shares={"e1": 0, "e2": 0}),
        entities=(entity("e1"), entity("e2")),
    )
    take(made, 5, who=who)
    view = balance_view(made, made.features["messages"], made.entities[who] if who else None)
    assert view is not None
    assert view.usage == 5


def test_undoing_a_refund_counts_nothing() -> None:
    """A negative use is not counted by a usage limit, and neither is taking it back."""
    made = account(balance(10, left=5), controls=BillingControls(usage_limits=(usage_limit(6),)))
    settle(made, hold(made, -3), None, ZERO)
    assert all(window.counted == 0 for window in made.windows.values())
    assert units(Case(made, made.features["messages"], None).take(Decimal(9))) == 5
