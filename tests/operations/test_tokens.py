from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from autumn_mock.domain.feature import Feature
from autumn_mock.domain.model_prices import PRICES
from autumn_mock.operations import track
from autumn_mock.operations.errors import ApiError
from autumn_mock.operations.tokens import price_of, token_item, token_items
from autumn_mock.store.environment import Environment
from autumn_mock.wire.requests.track import BATCH_TRACK_TOKENS, TrackTokens
from autumn_mock.wire.schema import ValidationFailed, parse
from tests.support.recorded import RECORDED_AT, declare, play, recorded, result_of
from tests.support.world import call_at, new_environment

SINGLE, BATCH = "/v1/balances.track_tokens", "/v1/balances.batch_track_tokens"


def tracked(environment: Environment, body: dict[str, Any]) -> Any:
    """What tracking tokens gives: the result, or the error."""
    call = call_at(environment, RECORDED_AT)
    try:
        params = parse(TrackTokens, body, now_ms=call.now)
    except ValidationFailed as failure:
        return ApiError(400, failure.message, "invalid_inputs")
    return result_of(lambda: track.track(call, token_item(call, params)))


# -- recorded


@pytest.mark.parametrize("name", ["ai_tokens", "ai_errors", "ai_two"])
def test_token_item_matches_the_recordings(name: str) -> None:
    environment, run = new_environment(), recorded(name)
    declare(environment)
    for step in run["steps"]:
        play(call_at(environment, RECORDED_AT), step)
        body, response = step.get("body"), step.get("response")
        if step.get("path") != SINGLE or step["status"] == 202:
            continue
        result = tracked(environment, body)
        if step["status"] == 200:
            assert result.item.value == response["value"]
            held = response["balance"]
            assert (result.balance and float(result.balance.remaining)) == (held and held["remaining"])
        else:
            assert (result.status, result.message, result.code) == (
                step["status"],
                response["message"],
                response["code"],
            )


@pytest.mark.parametrize(("name", "path"), [("ai_tokens", SINGLE), ("ai_two", SINGLE), ("ai_batch", BATCH)])
def test_events_of_tokens_match_the_recordings(name: str, path: str) -> None:
    environment, run = new_environment(), recorded(name)
    declare(environment)
    call = call_at(environment, RECORDED_AT)
    items = []
    for step in run["steps"]:
        play(call, step)
        if step.get("path") == path and step["status"] == 200:
            bodies = step["body"] if path == BATCH else [step["body"]]
            items += token_items(call, parse(BATCH_TRACK_TOKENS, bodies))
    made = [{"feature_id": i.feature_id, "value": i.value, "properties": i.properties} for i in items]
    for event in run["final"]["events.list"][1]["list"]:
        if event["properties"].get("model"):
            assert {name: event[name] for name in ("feature_id", "value", "properties")} in made


def test_token_items_refuses_as_recorded() -> None:
    environment, run = new_environment(), recorded("ai_batch")
    declare(environment)
    call = call_at(environment, RECORDED_AT)
    refused = 0
    for step in run["steps"]:
        play(call, step)
        if step.get("path") != BATCH:
            continue
        try:
            params = parse(BATCH_TRACK_TOKENS, step["body"])
        except ValidationFailed:
            continue
        result = result_of(partial(token_items, call, params))
        if step["status"] == 200:
            assert [item.feature_id for item in result] == ["ai_credits"] * len(params)
        else:
            assert (result.status, result.message) == (step["status"], step["response"]["message"])
            refused += 1
    assert refused == 2


# -- rules


def system(**fields: Any) -> Feature:
    return Feature(id="ai", name="AI", type="ai_credit_system", consumable=True, created_at=0, **fields)


def test_price_of_uses_the_most_specific_markup() -> None:
    feature = system(
        default_markup=Decimal(1),
        provider_markups={"openai": {"markup": 2}},
        model_markups={"openai/gpt-test": {"markup": 0}, "openai/o3": {"input_cost": 1}},
    )
    found = {
        model: (price.markup, price.markup_source)
        for model in ("openai/gpt-test", "openai/o3", "anthropic/claude-test")
        for price in [price_of(feature, model, {"input": 1})]
    }
    assert found == {
        "openai/gpt-test": (Decimal(0), "model"),
        "openai/o3": (Decimal(2), "provider"),
        "anthropic/claude-test": (Decimal(1), "default"),
    }
    assert price_of(system(), "openai/o3", {}).markup_source == "none"


def test_price_of_counts_cached_tokens_for_the_long_rates() -> None:
    tokens = {"input": 100_000, "cache_read": 50_000, "cache_write": 50_000}
    assert not price_of(system(), "openai/gpt-test", tokens).tier_applied
    price = price_of(system(), "openai/gpt-test", {**tokens, "cache_write": 50_001})
    assert price.tier_applied
    assert price.rates["cache_write"] == price.rates["input"] == 5
    assert price.rates["cache_read"] == Decimal("1.25")


def test_price_of_a_custom_model_bills_text_tokens() -> None:
    feature = system(model_markups={"custom/mine": {"input_cost": 2, "output_cost": 8, "markup": 50}})
    price = price_of(feature, "custom/mine", {"input": 500_000, "output": 0, "cache_read": 9, "reasoning": 9})
    assert price.base_cost == 1
    assert price.cost == Decimal("1.5")


def test_prices_of_models_are_plausible() -> None:
    for model_id, rates in PRICES.items():
        assert model_id.count("/") == 1
        assert 0 < rates.input <= rates.output
        assert rates.cache_read is None or rates.cache_read < rates.input
        assert all(long.input > rates.input for long in rates.long)


def test_token_item_keeps_the_other_parameters() -> None:
    environment = new_environment()
    declare(environment)
    body = {
        "customer_id": "c",
        "entity_id": "e",
        "feature_id": "ai_credits",
        "model_id": "custom/mine",
        "input_tokens": 1,
        "output_tokens": 2,
        "properties": {"a": 1, "cost": "ours wins"},
        "idempotency_key": "k",
        "timestamp": 5,
        "overage_behavior": "overflow",
        "skip_event": True,
        "async": True,
        "customer_data": {"name": "C"},
        "entity_data": {"feature_id": "seats"},
    }
    call = call_at(environment, RECORDED_AT)
    item = token_item(call, parse(TrackTokens, body, now_ms=call.now))
    for name, field in (("async", "async_"), *((name, name) for name in body)):
        if hasattr(item, field) and name not in ("properties", "async"):
            assert getattr(item, field) == body[name]
    assert item.async_ is True
    assert item.properties is not None
    assert item.properties["a"] == 1
    assert item.properties["cost"] == item.value == 1.98e-05
    assert "cache_read_tokens" not in item.properties


def test_token_item_without_a_feature_refuses_an_unknown_customer() -> None:
    environment = new_environment()
    declare(environment)
    body = {"customer_id": "unknown", "model_id": "custom/mine", "input_tokens": 1, "output_tokens": 1}
    error = tracked(environment, body)
    assert isinstance(error, ApiError)
    assert (error.status, error.code) == (404, "customer_not_found")
