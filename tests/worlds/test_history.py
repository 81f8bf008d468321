"""The past in a world: events, what is used, when customers and plans began, variants, and what is archived."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from autumn_mock.clock import Clock
from autumn_mock.domain.amount import number
from autumn_mock.domain.version import Version
from autumn_mock.input_files import InputFileError
from autumn_mock.ledger.intervals import DAY
from autumn_mock.ledger.views import balance_views
from autumn_mock.operations import customers, plans, variants
from autumn_mock.operations.call import Call
from autumn_mock.store.environment import Environment
from autumn_mock.store.state import State
from autumn_mock.worlds import read_world, seed
from tests.support.refusals import without_path

from .conftest import WriteWorld

_NOW = 1_790_000_000_000
_HEAD = """\
organisations:
  - slug: acme
    sandbox:
      features:
        - {feature_id: messages, name: Messages, type: metered, consumable: true, event_names: [sent]}
        - {feature_id: seats, name: Seats, type: metered, consumable: false}
        - {feature_id: old, name: Old, type: boolean, archived: true}
      plans:
        - plan_id: free
          name: Free
          auto_enable: true
          items: [{feature_id: messages, included: 100, reset: {interval: month}}]
        - plan_id: pro
          name: Pro
          price: {amount: 20, interval: month}
          items: [{feature_id: messages, included: 1000, reset: {interval: month}}]
          variants: [{variant_plan_id: pro_year, name: Yearly, customize: {price: {amount: 200, interval: year}}}]
        - plan_id: seats
          name: Seats
          add_on: true
          archived: true
          items: [{feature_id: messages, included: 5, entity_feature_id: seats}]
      customers:
        - customer_id: c
"""
_CUSTOMER = "organisations.0.sandbox.customers.0"


def seeded(write_world: WriteWorld, text: str, now: int = _NOW) -> Environment:
    state = State(Clock(lambda: now))
    seed(state, read_world(write_world(_HEAD + text)))
    return state.environment("org_acme", "sandbox")


def amounts(environment: Environment, feature_id: str = "messages") -> Iterator[float]:
    """What is used and what is left of a feature."""
    account = customers.get(Call(environment, Version.NEWEST, environment.clock.now()), "c")
    for view in balance_views(account, None):
        if view.feature.id == feature_id:
            yield from (number(view.usage), number(view.remaining))


def test_an_event_is_tracked_at_its_time(write_world: WriteWorld) -> None:
    text = """\
          created_at: -90d
          plans: [{plan_id: pro, started_at: -80d}]
          events:
            - {event_name: sent, value: 20, timestamp: -2d}
            - {feature_id: messages, value: 900, timestamp: -75d, properties: {model: x}}
            - {feature_id: messages, value: 5}
    """
    environment = seeded(write_world, text)
    assert [(each.name, _NOW - each.timestamp, number(each.value)) for each in environment.events.snapshot()] == [
        ("messages", 75 * DAY, 900),  # in the order of time
        ("sent", 2 * DAY, 20),
        ("messages", 0, 5),
    ]
    assert [number(each.deductions[0].value) for each in environment.events.snapshot()] == [900, 20, 5]
    assert list(amounts(environment)) == [25, 975]  # the period of the first has ended
    (attached,) = environment.customer_plans
    assert (_NOW - attached.started_at, attached.plan_id) == (80 * DAY, "pro")
    (customer,) = environment.customers
    assert _NOW - customer.created_at == 90 * DAY


def test_a_date_is_an_instant_of_an_event(write_world: WriteWorld) -> None:
    text = "          events: [{feature_id: messages, timestamp: 2026-01-05}, {feature_id: messages, timestamp: 5}]\n"
    environment = seeded(write_world, text)
    assert [each.timestamp for each in environment.events.snapshot()] == [5, 1767571200000]


def test_usage_decides_what_is_used(write_world: WriteWorld) -> None:
    text = """\
          entities: [{entity_id: s1, feature_id: seats}, {entity_id: s2, feature_id: seats}]
          plans: [{plan_id: seats}]
          balances:
            - {feature_id: messages, included_grant: 50, balance_id: gift}
          events: [{feature_id: messages, value: 7}]
          usage:
            - {feature_id: messages, plan_id: free, usage: 12.5, next_reset_at: 2027-01-01}
            - {feature_id: messages, plan_id: null, remaining: 49}
            - {feature_id: messages, plan_id: seats, entity_id: s2, usage: 4}
    """
    environment = seeded(write_world, text)
    assert len(environment.events) == 1
    left = {row.plan_id: number(row.balance) for row in environment.balances if not row.is_per_entity}
    assert left == {"free": 87.5, None: 49}
    (shared,) = (row for row in environment.balances if row.is_per_entity)
    assert {name: number(each.balance) for name, each in shared.shares.items()} == {"s1": 5, "s2": 1}
    assert {row.next_reset_at for row in environment.balances if row.plan_id == "free"} == {1798761600000}


def test_default_plans_can_be_left_out(write_world: WriteWorld) -> None:
    environment = seeded(write_world, "          internal_options: {disable_defaults: true}\n")
    assert list(environment.customer_plans) == []
    environment = seeded(write_world, "          internal_options: {default_group: other}\n")
    assert list(environment.customer_plans) == []
    assert [each.plan_id for each in seeded(write_world, "").customer_plans] == ["free"]


def test_plans_have_variants_and_are_archived_last(write_world: WriteWorld) -> None:
    environment = seeded(write_world, "          plans: [{plan_id: seats}, {plan_id: pro_year}]\n")
    (yearly,) = variants.variants_of(environment, "pro")
    assert yearly.price is not None
    assert (yearly.name, number(yearly.price.amount), yearly.price.interval) == ("Yearly", 200, "year")
    assert [each.id for each in plans.latest_plans(environment)] == ["free", "pro", "pro_year"]
    assert sorted(each.plan_id for each in environment.customer_plans) == ["pro_year", "seats"]
    assert [each.id for each in environment.features if each.archived] == ["old"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "created_at: tomorrow",
            "25: {}.created_at: must be a date, an instant in ISO 8601, milliseconds since 1970, or a time before the "
            "load, like -3d or -1h30m",
        ),
        (
            f"created_at: {_NOW + 1}",
            "24: {}: is in the future; what a world says has happened before it is loaded",
        ),
        ("events: [{feature_id: messages, valeu: 3}]", "25: {}.events.0.valeu: unknown key, did you mean 'value'?"),
        ("events: [{value: 3}]", "25: {}.events.0: Either feature_id or event_name must be provided"),
        ("events: [{feature_id: message}]", "25: {}.events.0.feature_id: there is no feature 'message'"),
        ("events: [{event_name: gone}]", "25: {}.events.0: No features found for event name: gone"),
        ("events: [{feature_id: messages, entity_id: e}]", "25: {}.events.0: Entity e not found"),
        ("events: [{feature_id: messages, timestamp: -3}]", "25: {}.events.0.timestamp: must be a date"),
        ("usage: [{feature_id: messages}]", "25: {}.usage.0: must have usage, remaining, included_grant or next"),
        ("usage: [{feature_id: messages, usage: 1, remaining: 2}]", "25: {}.usage.0: usage and remaining exclude"),
        ("usage: [{feature_id: seats, usage: 1}]", "25: {}.usage.0: the customer has no such balance of seats"),
        (
            "usage: [{feature_id: messages, plan_id: pro, usage: 1}]",
            "25: {}.usage.0: the customer has no such balance of messages",
        ),
        ("plans: [{plan_id: pro_yaer}]", "25: {}.plans.0.plan_id: there is no plan 'pro_yaer', did you mean 'pro_y"),
    ],
)
def test_mistakes_are_reported_with_their_place(write_world: WriteWorld, text: str, message: str) -> None:
    path = write_world(f"{_HEAD}          {text}\n")
    with pytest.raises(InputFileError) as caught:
        seed(State(Clock(lambda: _NOW)), read_world(path))
    assert without_path(caught.value, path).startswith(message.format(_CUSTOMER))
