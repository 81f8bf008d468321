"""When plans begin and end: upgrades and downgrades, billing cycles, trials, default plans."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from autumn_mock.domain.plan import Plan
from autumn_mock.ledger.intervals import add_months
from autumn_mock.operations.billing import update
from autumn_mock.operations.billing.attachments import is_upgrade
from autumn_mock.operations.billing.preview import preview_attach, preview_update
from autumn_mock.operations.errors import ApiError
from autumn_mock.wire.requests.billing import BillingAttach, BillingUpdate
from autumn_mock.wire.schema import parse
from tests.support.world import NOW, World, monthly, priced

DAY = 86_400_000
END = add_months(NOW, 1)
TRIAL = {"duration_length": 7, "duration_type": "day", "card_required": False}
CARD_TRIAL = {**TRIAL, "card_required": True}


def price(amount: float, interval: str = "month", count: int = 1) -> dict[str, Any]:
    return {"amount": amount, "interval": interval, "interval_count": count}


def statuses(world: World) -> dict[str, str]:
    return {each.plan_id: each.status for each in world.attached()}


def cost(amount: float, method: str = "prepaid", interval: str = "month") -> dict[str, Any]:
    item = priced(0, method=method, interval=interval)
    return {**item, "price": {**item["price"], "amount": amount}}


TIERS = {"feature_id": "messages", "price": {"interval": "month", "billing_method": "prepaid", "tiers": []}}


def tiers(first: float) -> dict[str, Any]:
    levels = [{"to": 10, "amount": first}, {"to": "inf", "amount": 1}]
    return {**TIERS, "price": {"interval": "month", "billing_method": "prepaid", "tiers": levels}}


#: A plan by its base price and its items.
Offer = tuple[dict[str, Any] | None, list[dict[str, Any]]]
FREE: Offer = (None, [monthly(1)])


@pytest.mark.parametrize(
    ("before", "after", "upgrade"),
    [
        (FREE, (price(1), []), True),
        ((price(1), []), FREE, False),
        (FREE, FREE, True),
        (FREE, (price(0), []), True),
        ((price(1), []), (price(0), []), False),
        ((price(50), []), (price(20), []), False),
        ((price(20), []), (price(20), []), True),
        ((price(20), []), (price(200, "year"), []), True),
        ((price(20), []), (price(1, "year"), []), True),
        ((price(20), []), (price(30, "month", 3), []), True),
        ((price(200, "year"), []), (price(20), []), True),
        ((price(200, "year"), []), (price(10), []), False),
        ((price(20), []), (price(4, "week"), []), False),
        ((price(20), []), (price(5, "week"), []), True),
        ((price(20), []), (price(1, "one_off"), []), True),
        ((price(9, "one_off"), []), (price(1), []), True),
        ((None, [cost(5, "usage_based")]), (None, [cost(1, "usage_based")]), True),
        ((price(9), [cost(5, "usage_based")]), (price(8), [cost(50, "usage_based")]), False),
        ((None, [cost(5)]), (None, [cost(4)]), False),
        ((price(1), [cost(5)]), (price(6), []), True),
        ((None, [tiers(5)]), (None, [tiers(4)]), False),
        ((None, [tiers(5)]), (None, [tiers(6)]), True),
    ],
)
def test_what_an_upgrade_is(world: World, before: Offer, after: Offer, upgrade: bool) -> None:
    def plan(name: str, offer: Offer) -> Plan:
        return world.plan(name, *offer[1], **({} if offer[0] is None else {"price": offer[0]}))

    assert is_upgrade(plan("before", before), plan("after", after)) is upgrade


# -- the cycle


@pytest.fixture
def plans(world: World) -> World:
    """Plans of one group: free ones, paid ones, with trials, by the year."""
    world.plan("free", monthly(5), group="g")
    world.plan("free2", monthly(6), group="g")
    world.plan("low", monthly(100), group="g", price=price(10))
    world.plan("high", monthly(500), group="g", price=price(50))
    world.plan("year", monthly(500), group="g", price=price(600, "year"))
    world.plan("trial", monthly(500), group="g", price=price(60), free_trial=TRIAL)
    return world


@pytest.mark.parametrize(
    ("first", "second", "fields", "next_reset_at"),
    [
        ("free", "free2", {}, END),
        ("low", "high", {}, END),
        ("low", "year", {}, END),
        ("free", "low", {}, add_months(NOW + 10 * DAY, 1)),
        ("high", "low", {"plan_schedule": "immediate"}, END),
        ("low", "free", {"plan_schedule": "immediate"}, add_months(NOW + 10 * DAY, 1)),
        ("low", "trial", {}, NOW + 17 * DAY),
        ("low", "high", {"billing_cycle_anchor": "now"}, add_months(NOW + 10 * DAY, 1)),
        ("low", "high", {"billing_cycle_anchor": NOW + 12 * DAY}, NOW + 12 * DAY),
        (None, "low", {"billing_cycle_anchor": NOW + 12 * DAY}, NOW + 12 * DAY),
        (None, "low", {"starts_at": NOW - 5 * DAY}, add_months(NOW - 5 * DAY, 1)),
        ("extra", "low", {}, add_months(NOW + 10 * DAY, 1)),
    ],
)
def test_next_reset_at_after_a_switch(
    plans: World, first: str | None, second: str, fields: dict[str, Any], next_reset_at: int
) -> None:
    """Ten days after the first plan was attached."""
    plans.plan("extra", monthly(5), add_on=True)
    if first is not None:
        plans.attach(first)
    plans.now += 10 * DAY
    plans.attach(second, **fields)
    assert [row.next_reset_at for row in plans.rows() if row.plan_id == second] == [next_reset_at]


@pytest.mark.parametrize(
    ("main", "add_on", "fields", "expected"),
    [
        ("low", {"price": price(5)}, {}, (END, None)),
        ("low", {"price": price(5)}, {"new_billing_subscription": True}, (add_months(NOW + 2 * DAY, 1), None)),
        ("low", {"price": price(5), "free_trial": TRIAL}, {}, (END, None)),
        ("low", {}, {}, (add_months(NOW + 2 * DAY, 1), None)),
        ("free", {"price": price(5)}, {}, (add_months(NOW + 2 * DAY, 1), None)),
        ("free", {"price": price(5), "free_trial": TRIAL}, {}, (NOW + 9 * DAY, NOW + 9 * DAY)),
        ("trial", {"price": price(5)}, {}, (NOW + 7 * DAY, NOW + 7 * DAY)),
    ],
)
@pytest.mark.parametrize("entity", [False, True])
def test_an_add_on_or_a_plan_of_an_entity_joins_the_subscription(
    plans: World,
    entity: bool,
    main: str,
    add_on: dict[str, Any],
    fields: dict[str, Any],
    expected: tuple[int, int | None],
) -> None:
    plans.plan("extra", monthly(5), **{"group": "h" if entity else "g", "add_on": not entity, **add_on})
    plans.entity("e1")
    plans.attach(main)
    plans.now += 2 * DAY
    plans.attach("extra", **fields, **({"entity_id": "e1"} if entity else {}))
    (row,) = (row for row in plans.rows() if row.plan_id == "extra")
    assert (row.next_reset_at, plans.attached()[-1].trial_ends_at) == expected


def test_a_switch_after_a_trial_begins_anew(plans: World) -> None:
    plans.attach("trial")
    plans.now += DAY
    plans.attach("year")
    assert [row.next_reset_at for row in plans.rows()] == [add_months(NOW + DAY, 1)]


def test_the_cycle_goes_on_through_several_switches(plans: World) -> None:
    for name in ("low", "high", "year"):
        plans.attach(name)
        plans.now += 20 * DAY
    assert [row.next_reset_at for row in plans.rows()] == [add_months(NOW, 2)]


@pytest.mark.parametrize(
    ("first", "second", "fields", "ends"),
    [
        ("high", "low", {}, END),
        ("high", "free", {}, END),
        ("year", "low", {}, add_months(NOW, 12)),
        ("year", "free", {}, add_months(NOW, 12)),
        ("low", "high", {"plan_schedule": "end_of_cycle"}, END),
        ("trial", "low", {}, NOW + 7 * DAY),
        ("low", "high", {"starts_at": NOW + 3 * DAY}, NOW + 3 * DAY),
    ],
)
@pytest.mark.parametrize("days", [0, 2])
def test_a_later_switch_waits_for_the_end_of_the_period(
    plans: World, days: int, first: str, second: str, fields: dict[str, Any], ends: int
) -> None:
    plans.attach(first)
    plans.now += days * DAY
    body = {"customer_id": "c", "plan_id": second, "no_billing_changes": True, **fields}
    shown = preview_attach(plans.call(), parse(BillingAttach, body))
    plans.attach(second, **fields)
    current, later = plans.attached()
    assert (current.canceled_at, current.expires_at, later.started_at) == (plans.now, ends, ends)
    begins, goes_on = shown.incoming
    assert (begins.plan.id, begins.effective_at, goes_on.expires_at) == (second, ends, ends)
    assert [(each.plan.id, each.effective_at, each.expires_at) for each in shown.outgoing] == [(first, ends, None)]
    plans.now = ends - 1
    assert statuses(plans) == {first: "active", second: "scheduled"}
    plans.now = ends
    plans.account()
    assert statuses(plans) == {second: "active"}
    assert [row.next_reset_at for row in plans.rows()] == [add_months(ends, 1)]


@pytest.mark.parametrize(
    ("anchor", "remaining", "next_reset_at"),
    [(NOW + 12 * DAY, 70, NOW + 12 * DAY), ("now", 100, add_months(NOW + 2 * DAY, 1))],
)
def test_update_of_the_billing_cycle(plans: World, anchor: int | str, remaining: float, next_reset_at: int) -> None:
    plans.attach("low")
    plans.track(30)
    plans.now += 2 * DAY
    plans.update_billing("low", billing_cycle_anchor=anchor)
    assert plans.remaining() == remaining
    assert [row.next_reset_at for row in plans.rows()] == [next_reset_at]
    plans.now = next_reset_at + 1
    assert plans.remaining() == 100
    assert [row.next_reset_at for row in plans.rows()] == [add_months(next_reset_at, 1)]
    plans.update_billing("low", cancel_action="cancel_end_of_cycle")
    assert plans.attached()[0].expires_at == add_months(next_reset_at, 1)


@pytest.mark.parametrize(
    ("item", "keeps"),
    [
        (monthly(9), True),
        ({**monthly(9), "reset": {"interval": "week"}}, False),
        ({"feature_id": "messages", "included": 9}, None),
    ],
)
def test_update_keeps_the_reset_of_the_same_interval(plans: World, item: dict[str, Any], keeps: bool | None) -> None:
    plans.attach("low")
    plans.now += 2 * DAY
    plans.update_billing("low", customize={"items": [item]})
    expected = {True: END, False: NOW + 7 * DAY, None: None}[keeps]
    assert [row.next_reset_at for row in plans.rows()] == [expected]


def test_update_to_a_price_begins_anew(plans: World) -> None:
    plans.attach("free")
    plans.now += 2 * DAY
    plans.update_billing("free", customize={"price": price(5)})
    assert [row.next_reset_at for row in plans.rows()] == [add_months(plans.now, 1)]


# -- starts_at, ends_at


def test_a_plan_that_starts_later_grants_nothing_before(plans: World) -> None:
    plans.attach("low", starts_at=NOW + 10 * DAY, ends_at=NOW + 20 * DAY)
    assert statuses(plans) == {"low": "scheduled"}
    assert plans.view() is None
    plans.now = NOW + 10 * DAY
    assert plans.remaining() == 100
    plans.now = NOW + 20 * DAY
    assert plans.view() is None
    assert statuses(plans) == {}


@pytest.mark.parametrize("plan_id", ["low", "once"])
def test_a_plan_ends_at_the_requested_time(plans: World, plan_id: str) -> None:
    plans.plan("once", monthly(9), price=price(5, "one_off"))
    plans.plan("default", monthly(1), group="g", auto_enable=True)
    plans.attach(plan_id, ends_at=NOW + 7 * DAY)
    (attached,) = plans.attached()
    assert (attached.canceled_at, attached.expires_at) == (None, NOW + 7 * DAY)
    plans.now = NOW + 7 * DAY
    plans.account()
    assert statuses(plans) == ({"default": "active"} if plan_id == "low" else {})


def test_everything_that_is_due_happens_in_its_order(plans: World) -> None:
    """Two switches and an end in one step of the clock are as in many."""
    plans.plan("default", monthly(1), group="g", auto_enable=True)
    plans.attach("low")
    plans.attach("high", starts_at=NOW + 3 * DAY, ends_at=NOW + 5 * DAY)
    plans.now = NOW + 100 * DAY
    plans.account()
    (attached,) = plans.attached()
    assert (attached.plan_id, attached.started_at) == ("default", NOW + 5 * DAY)
    assert [row.next_reset_at for row in plans.rows()] == [add_months(NOW + 5 * DAY, 4)]


# -- cancellation and the default plan


@pytest.fixture
def defaults(plans: World) -> World:
    plans.plan("default", monthly(1), group="g", auto_enable=True)
    plans.plan("elsewhere", monthly(1), group="h", auto_enable=True)
    plans.plan("extra", monthly(5), add_on=True, price=price(5), group="g")
    return plans


def test_cancelling_at_the_end_schedules_the_default_plan(defaults: World) -> None:
    defaults.attach("low")
    defaults.now += 10 * DAY
    body = {"customer_id": "c", "plan_id": "low", "cancel_action": "cancel_end_of_cycle"}
    shown = preview_update(defaults.call(), parse(BillingUpdate, body))
    defaults.update_billing("low", cancel_action="cancel_end_of_cycle")
    low, default = defaults.attached()
    assert (low.canceled_at, low.expires_at) == (defaults.now, END)
    assert (default.plan_id, default.status, default.started_at) == ("default", "scheduled", END)
    assert [(each.plan.id, each.effective_at) for each in shown.incoming] == [("default", END), ("low", None)]
    assert [(each.plan.id, each.effective_at) for each in shown.outgoing] == [("low", END)]
    defaults.now = END
    defaults.account()
    assert statuses(defaults) == {"default": "active"}


def test_uncancelling_removes_the_scheduled_default_plan(defaults: World) -> None:
    defaults.attach("low")
    defaults.update_billing("low", cancel_action="cancel_end_of_cycle")
    defaults.update_billing("low", cancel_action="uncancel", customize={"items": [monthly(7)]})
    (low,) = defaults.attached()
    assert (low.status, low.canceled_at, low.expires_at, defaults.remaining()) == ("active", None, None, 7)
    defaults.update_billing("low", cancel_action="uncancel")
    assert statuses(defaults) == {"low": "active"}


@pytest.mark.parametrize(
    ("plan_id", "fields", "action", "then"),
    [
        ("extra", {}, "cancel_end_of_cycle", {}),
        ("extra", {}, "cancel_immediately", {}),
        ("low", {"entity_id": "e1"}, "cancel_end_of_cycle", {}),
        ("low", {"entity_id": "e1"}, "cancel_immediately", {}),
        ("default", {}, "cancel_immediately", {}),
        ("low", {}, "cancel_immediately", {"default": "active"}),
        ("low", {}, "cancel_end_of_cycle", {"default": "active"}),
        ("trial", {}, "cancel_end_of_cycle", {"default": "active"}),
    ],
)
def test_what_follows_a_cancelled_plan(
    defaults: World, plan_id: str, fields: dict[str, Any], action: str, then: dict[str, str]
) -> None:
    defaults.entity("e1")
    for each in defaults.attached():
        defaults.update_billing(each.plan_id, cancel_action="cancel_immediately")
    defaults.attach(plan_id, **fields)
    defaults.update_billing(plan_id, cancel_action=action, **fields)
    defaults.now = END
    defaults.account()
    assert statuses(defaults) == then


def test_cancelling_replaces_a_scheduled_downgrade_by_the_default_plan(defaults: World) -> None:
    defaults.attach("high")
    defaults.attach("low")
    defaults.update_billing("high", cancel_action="cancel_end_of_cycle")
    assert statuses(defaults) == {"high": "active", "default": "scheduled"}
    defaults.attach("year")
    assert statuses(defaults) == {"year": "active"}


@pytest.mark.parametrize("action", ["cancel_immediately", "cancel_end_of_cycle"])
def test_cancelling_a_scheduled_plan_lets_the_current_one_go_on(plans: World, action: str) -> None:
    plans.attach("high")
    plans.attach("low")
    plans.update_billing("low", cancel_action=action)
    (high,) = plans.attached()
    assert (high.plan_id, high.canceled_at, high.expires_at) == ("high", None, None)


# -- trials


@pytest.mark.parametrize(
    ("terms", "goes_on"),
    [
        ({"price": price(9), "free_trial": TRIAL}, False),
        ({"price": price(9), "free_trial": CARD_TRIAL}, True),
        ({"free_trial": TRIAL}, False),
        ({"free_trial": CARD_TRIAL}, False),
    ],
)
def test_the_end_of_a_trial(defaults: World, terms: dict[str, Any], goes_on: bool) -> None:
    """Without a card there is no payment: the plan ends, and so does a free one. Otherwise its first period begins."""
    defaults.plan("t", monthly(100), group="g", **terms)
    defaults.attach("t")
    defaults.track(30)
    end = NOW + 7 * DAY
    assert defaults.attached()[0].trial_ends_at == end
    defaults.now = end + 1
    defaults.account()
    assert statuses(defaults) == {("t" if goes_on else "default"): "active"}
    if goes_on:
        assert defaults.attached()[0].trial_ends_at is None
        assert defaults.remaining() == 100
        assert [row.next_reset_at for row in defaults.rows()] == [add_months(end, 1)]
        defaults.update_billing("t", cancel_action="cancel_end_of_cycle")
        assert defaults.attached()[0].expires_at == add_months(end, 1)


def test_a_trial_without_a_card_needs_no_payment(plans: World) -> None:
    plans.attach("trial", no_billing_changes=False)
    assert statuses(plans) == {"trial": "active"}
    plans.customer("other")
    plans.attach("low", "other", no_billing_changes=False, customize={"free_trial": TRIAL})


@pytest.mark.parametrize("where", ["free_trial", "customize"])
def test_update_ends_and_begins_a_trial(plans: World, where: str) -> None:
    def update_trial(plan_id: str, trial: dict[str, Any] | None) -> None:
        plans.update_billing(
            plan_id, **({where: {"free_trial": trial}} if where == "customize" else {where: trial, "version": 1})
        )

    plans.attach("trial")
    plans.track(30)
    plans.now += DAY
    update_trial("trial", None)
    assert plans.attached()[0].trial_ends_at is None
    assert [(int(row.balance), row.next_reset_at) for row in plans.rows()] == [(470, add_months(plans.now, 1))]
    update_trial("trial", {**TRIAL, "duration_length": 3})
    assert plans.attached()[0].trial_ends_at == plans.now + 3 * DAY
    assert [row.next_reset_at for row in plans.rows()] == [plans.now + 3 * DAY]


@pytest.mark.parametrize(
    ("fields", "trial"),
    [({}, None), ({"free_trial": TRIAL}, 7), ({"customize": {"free_trial": {**TRIAL, "duration_length": 3}}}, 3)],
)
def test_a_plan_has_one_trial_for_a_customer(plans: World, fields: dict[str, Any], trial: int | None) -> None:
    """Also for a plan that has ended; a trial that is asked for begins again."""
    plans.attach("trial")
    plans.update_billing("trial", cancel_action="cancel_immediately")
    plans.attach("trial", **fields)
    assert plans.attached()[0].trial_ends_at == (None if trial is None else NOW + trial * DAY)


def test_an_ended_trial_needs_payment(plans: World) -> None:
    plans.environment.payments = "off"
    plans.attach("trial")
    plans.now += 7 * DAY
    plans.account()
    assert statuses(plans) == {}
    with pytest.raises(ApiError, match="payments are off"):
        plans.attach("trial", no_billing_changes=False)


def test_update_of_items_keeps_the_trial(plans: World) -> None:
    plans.attach("trial")
    plans.update_billing("trial", customize={"items": [monthly(9)]})
    assert plans.attached()[0].trial_ends_at == NOW + 7 * DAY
    assert [row.next_reset_at for row in plans.rows()] == [NOW + 7 * DAY]


# -- remove_plan_ids, subscription_id


def test_attach_removes_other_plans(plans: World) -> None:
    plans.plan("extra", monthly(5), add_on=True)
    plans.plan("other", monthly(6), group="h")
    for name in ("low", "extra", "other"):
        plans.attach(name)
    plans.track(10)
    plans.attach("high", remove_plan_ids=["extra", "other"])
    assert statuses(plans) == {"high": "active"}


def test_the_callers_id_of_a_subscription(plans: World) -> None:
    plans.plan("extra", monthly(5), add_on=True, price=price(1))
    for name in ("s1", "s2"):
        plans.attach("extra", subscription_id=name)
    body = parse(
        BillingUpdate,
        {"customer_id": "c", "subscription_id": "s2", "cancel_action": "cancel_immediately"},
    )
    update.update(plans.call(), body)
    assert [each.subscription_id for each in plans.attached()] == ["s1"]


@pytest.mark.parametrize(
    ("first", "second", "config", "begins"),
    [
        ("print", "print", {}, False),
        ("print", "other", {}, True),
        (None, None, {}, True),
        ("print", "print", {"multiple_trials": True}, True),
    ],
)
def test_customers_with_one_fingerprint_share_a_trial(
    plans: World, first: str | None, second: str | None, config: dict[str, bool], begins: bool
) -> None:
    organisation = plans.environment.organisation
    plans.environment.organisation = replace(organisation, config=replace(organisation.config, **config))
    for customer_id, fingerprint in (("one", first), ("two", second)):
        plans.customer(customer_id, fingerprint=fingerprint)
        plans.attach("trial", customer_id)
    assert (plans.attached("two")[-1].trial_ends_at is not None) is begins
    plans.update_billing("trial", "one", cancel_action="cancel_immediately")
    plans.customer("three", fingerprint=first)
    plans.attach("trial", "three")
    assert (plans.attached("three")[-1].trial_ends_at is not None) is (first is None or bool(config))


def test_multiple_trials_of_one_customer(plans: World) -> None:
    organisation = plans.environment.organisation
    for allowed in (False, True):
        config = replace(organisation.config, multiple_trials=allowed)
        plans.environment.organisation = replace(organisation, config=config)
        plans.customer(f"c{allowed}")
        for _ in range(2):
            plans.attach("trial", f"c{allowed}")
            shown = plans.attached(f"c{allowed}")[-1].trial_ends_at
            plans.update_billing("trial", f"c{allowed}", cancel_action="cancel_immediately")
        assert (shown is not None) is allowed
