"""Rate cards: one table of what events cost, walked through every call that spends or asks; and what plans override."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from autumn_mock.domain.amount import number
from autumn_mock.operations import customers, features, tokens
from autumn_mock.wire.requests.customers import CustomersUpdate
from autumn_mock.wire.requests.features import FeaturePatch
from autumn_mock.wire.requests.track import TrackTokens
from autumn_mock.wire.responses.feature import feature_body
from autumn_mock.wire.responses.plan import plan_body
from autumn_mock.wire.schema import ValidationFailed, parse
from tests.support.world import IngestWorld, World, create_feature, item, lock

GRANT = 1000
#: A row of a rate card with every field, and, below, what 3 units cost by the properties of their event.
CARD: dict[str, Any] = {
    "metered_feature_id": "messages",
    "credit_cost": 1,
    "dimensions": {
        "large": {"match": {"size": "large"}, "credit_cost": 16},
        "large_eu": {"match": {"size": "large", "region": "eu"}, "credit_cost": 20},
        "gpu": {"match": {"gpu": True}, "credit_cost": 30, "priority": 1},
        "free": {"match": {"plan": "free"}, "credit_cost": 0},
        "numbered": {"match": {"cores": 8}, "credit_cost": 5},
    },
    "multipliers": {
        "spot": {"match": {"spot": True}, "factor": 0.3},
        "night": {"match": {"night": True}, "factor": 2, "add": 1},
        "gift": {"match": {"gift": True}, "add": -1000},
    },
}
COSTS: list[tuple[dict[str, Any], float]] = [
    ({}, 3),
    ({"size": "small"}, 3),
    ({"size": "large"}, 48),
    ({"size": "large", "region": "us"}, 48),
    ({"size": "large", "region": "eu"}, 60),
    ({"size": "large", "gpu": True}, 90),  # as many keys: the priority decides
    ({"size": "large", "region": "eu", "gpu": True}, 60),  # more keys: the priority does not matter
    ({"plan": "free"}, 0),
    ({"cores": "8"}, 15),  # compared as text
    ({"cores": 8.0}, 15),
    ({"gpu": "true"}, 90),
    ({"spot": True}, 0.9),
    ({"size": "large", "spot": True}, 14.4),
    ({"night": True, "spot": True}, 4.8),  # factors first: (1 * 2 * 0.3 + 1) * 3
    ({"gift": True}, 0),  # never below zero
]


def rate_card(world: World, *rows: dict[str, Any]) -> None:
    features.update(world.call(), "credits", parse(FeaturePatch, {"credit_schema": list(rows)}))


@pytest.fixture
def carded(world: World) -> World:
    rate_card(world, CARD)
    world.balance(GRANT, feature_id="credits")
    return world


@pytest.mark.parametrize(("properties", "cost"), COSTS)
def test_every_call_charges_what_an_event_costs(carded: World, properties: dict[str, Any], cost: float) -> None:
    asked = carded.check(3, properties=properties)
    carded.track(3, properties=properties)
    carded.check(3, properties=properties, send_event=True)
    carded.check(3, properties=properties, lock=lock("kept"))
    carded.finalize("kept", action="confirm", override_value=6)
    carded.check(3, properties=properties, lock=lock("left"))
    carded.finalize("left", action="release")
    left = carded.remaining("credits")
    assert [number(asked.required), left] == pytest.approx([cost, GRANT - 4 * cost])
    carded.track(-3, properties=properties)
    assert carded.remaining("credits") == pytest.approx(GRANT - 3 * cost)


@pytest.mark.parametrize(("properties", "cost"), COSTS)
def test_a_batch_charges_what_an_event_costs(properties: dict[str, Any], cost: float) -> None:
    world = IngestWorld()
    world.customer()
    rate_card(world, CARD)
    world.balance(GRANT, feature_id="credits")
    world.batch(item(3, properties=properties) for _ in range(2))
    world.run()
    assert [world.remaining("credits"), world.counters.lost] == pytest.approx([GRANT - 2 * cost, 0])


@pytest.mark.parametrize(("units", "cost"), [(1000, 2), (500, 1), (1, 0.002), (1500, 3)])
def test_a_rate_covers_its_billing_units(world: World, units: float, cost: float) -> None:
    rate_card(world, {"metered_feature_id": "messages", "credit_cost": 2, "billing_units": 1000})
    world.balance(GRANT, feature_id="credits")
    assert number(world.check(units).required) == cost
    world.track(units)
    assert world.remaining("credits") == GRANT - cost


def test_own_balance_is_spent_before_credits_of_any_rate(carded: World) -> None:
    carded.balance(2)
    carded.track(3, properties={"size": "large"})
    assert carded.remaining("credits") == GRANT - 16


@pytest.mark.parametrize("behavior", ["cap", "reject", "overflow"])
def test_what_is_free_needs_no_credits(carded: World, behavior: str) -> None:
    carded.plan("empty", {"feature_id": "credits", "included": 0})
    carded.attach("empty")
    carded.track(GRANT)
    carded.track(5, properties={"plan": "free"}, overage_behavior=behavior)
    assert carded.remaining("credits") == 0
    assert carded.check(5, properties={"plan": "free"}).allowed
    assert not carded.check(5).allowed


def test_a_usage_limit_on_credits_counts_what_events_cost(carded: World) -> None:
    limit = {"feature_id": "credits", "limit": 40, "interval": "day"}
    controls = parse(CustomersUpdate, {"customer_id": "c", "billing_controls": {"usage_limits": [limit]}})
    customers.update(carded.call(), controls)
    carded.track(3, properties={"size": "large"})  # 2.5 units of it
    carded.track(3, properties={"plan": "free"})
    assert carded.remaining("credits") == GRANT - 40


def test_features_show_their_rate_card(world: World) -> None:
    rows = [{**CARD, "billing_units": 10}, {"metered_feature_id": "words", "excluded": True}]
    rate_card(world, *rows)
    shown = msgspec.to_builtins(feature_body(world.call().feature("credits")))
    assert shown["credit_schema"] == rows


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({}, "credit_schema.0.credit_cost: must be a number (received undefined)"),
        ({"credit_cost": 1, "excluded": True}, "credit_schema.0.excluded: excluded cannot be combined with a rate"),
        ({"credit_cost": 1, "billing_units": 0}, "credit_schema.0.billing_units: billing_units must be greater than 0"),
    ],
)
def test_a_rate_card_without_sense_is_refused(row: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        parse(FeaturePatch, {"credit_schema": [{"metered_feature_id": "messages", **row}]})
    assert refused.value.message == message


TIERS: dict[str, Any] = {"tiers": [{"to": "inf", "credit_cost": 1}], "tier_behavior": "graduated"}


@pytest.mark.parametrize(
    "row", [TIERS, {"credit_cost": 1, "dimensions": {"a": {"match": {"b": "c"}, **TIERS}}}], ids=["row", "dimension"]
)
def test_tiers_are_refused(world: World, row: dict[str, Any]) -> None:
    message = "autumn-mock prices credits by credit_cost; other prices of credits are not emulated"
    with world.refused(400, "invalid_request", message):
        rate_card(world, {"metered_feature_id": "messages", **row})


# -- what plans override


def overriding(world: World, plan_id: str, *rows: dict[str, Any]) -> None:
    override = {"credit_schema": list(rows)}
    world.plan(plan_id, {"feature_id": "credits", "included": 100, "feature_override": override}, add_on=True)


@pytest.mark.parametrize(
    ("row", "feature_id", "left"),
    [
        ({"metered_feature_id": "action1", "credit_cost": 5}, "action1", 90),  # instead of 0.2
        ({"metered_feature_id": "words", "credit_cost": 3}, "words", 94),  # the feature does not list it
        ({"metered_feature_id": "action1", "excluded": True}, "action1", 100),
        ({"metered_feature_id": "words", "credit_cost": 3}, "action2", 98.8),  # rows that are left out stay
    ],
)
def test_a_plan_overrides_rows_of_the_rate_card(
    world: World, row: dict[str, Any], feature_id: str, left: float
) -> None:
    overriding(world, "special", row)
    world.attach("special")
    answer = world.check(2, feature_id)
    world.track(2, feature_id)
    assert (answer.allowed, world.remaining("credits")) == (left < 100, left)
    world.customer("other")
    world.balance(100, "credits", "other")
    world.track(2, feature_id, "other")
    own = {"action1": 99.6, "action2": 98.8, "words": 100}
    assert world.remaining("credits", "other") == own[feature_id]


def test_each_plan_charges_its_own_rate(world: World) -> None:
    overriding(world, "cheap", {"metered_feature_id": "action1", "credit_cost": 1})
    overriding(world, "dear", {"metered_feature_id": "action1", "credit_cost": 10})
    world.attach("cheap")
    world.attach("dear")
    world.track(105, "action1")
    assert world.remaining("credits") == 50


def test_a_new_id_of_a_feature_reaches_overrides(world: World) -> None:
    overriding(world, "special", {"metered_feature_id": "words", "credit_cost": 3})
    world.attach("special")
    features.update(world.call(), "words", FeaturePatch(new_feature_id="letters"))
    world.track(2, "letters")
    assert world.remaining("credits") == 94
    [plan] = world.environment.plans
    assert plan.items[0].feature_override is not None
    assert plan.items[0].feature_override.cost_of("letters") is not None


def test_a_plan_shows_and_keeps_its_overrides(world: World) -> None:
    sent = {"credit_schema": [CARD, {"metered_feature_id": "words", "excluded": True}]}
    plan = world.plan("special", {"feature_id": "credits", "included": 100, "feature_override": sent})
    shown = msgspec.to_builtins(plan_body(plan, world.environment.features.by_key, "sandbox"))
    assert shown["items"][0]["feature_override"] == sent


@pytest.mark.parametrize(
    ("feature_id", "override", "message"),
    [
        ("messages", {"credit_schema": [CARD]}, "feature_override.credit_schema is only for credit_system features"),
        (
            "credits",
            {"markups": {"default_markup": 1}},
            "feature_override.markups is only for ai_credit_system features",
        ),
    ],
)
def test_an_override_of_another_kind_of_feature_is_refused(
    world: World, feature_id: str, override: dict[str, Any], message: str
) -> None:
    with world.refused(400, "invalid_request", message):
        world.plan("special", {"feature_id": feature_id, "included": 1, "feature_override": override})


@pytest.mark.parametrize(
    ("markups", "cost"),
    [
        (None, 1.5 * 2.5),  # the feature's own
        ({}, 2.5),  # none at all
        ({"default_markup": 100}, 5),
        ({"default_markup": -100}, 0),
        ({"provider_markups": {"openai": {"markup": 20}}}, 3),
        ({"model_markups": {"openai/gpt-4o": {"markup": 60}}, "default_markup": 100}, 4),
    ],
)
def test_a_plan_replaces_the_markups_of_its_feature(world: World, markups: dict[str, Any] | None, cost: float) -> None:
    create_feature(
        world.call(),
        feature_id="ai",
        name="AI",
        type="ai_credit_system",
        default_markup=10,
        model_markups={"openai/gpt-4o": {"markup": 50}},
    )
    override = {} if markups is None else {"feature_override": {"markups": markups}}
    world.plan("special", {"feature_id": "ai", "included": 100, **override})
    world.attach("special")
    used = {"customer_id": "c", "feature_id": "ai", "model_id": "openai/gpt-4o", "input_tokens": 10**6}
    item = tokens.token_item(world.call(), parse(TrackTokens, {**used, "output_tokens": 0}))
    assert item.value == pytest.approx(cost)
