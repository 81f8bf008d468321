"""Where the prices of a language model are from: the organisation, the built-in list, the package."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from decimal import Decimal

import pytest

from autumn_mock.domain.feature import Feature
from autumn_mock.domain.model_prices import PRICES
from autumn_mock.domain.token_rates import LongRates, Rates
from autumn_mock.operations import model_prices
from autumn_mock.operations.errors import ApiError
from autumn_mock.operations.model_prices import find_rates, known_models
from autumn_mock.operations.tokens import price_of
from tests.support.world import NOW

OWN = {
    "acme/large": Rates(
        input=Decimal(1),
        output=Decimal(2),
        long=(
            LongRates(input=Decimal(3), output=Decimal(4), above=100),
            LongRates(input=Decimal(5), output=Decimal(6), cache_read=Decimal("0.5"), above=1000),
        ),
    ),
    "openai/gpt-4o": Rates(input=Decimal(7), output=Decimal(8)),
}
SYSTEM = Feature(id="ai", name="AI", type="ai_credit_system", consumable=True, created_at=0)


@pytest.fixture
def without_package(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "genai_prices.data_snapshot", None)
    model_prices._snapshot.cache_clear()
    yield
    model_prices._snapshot.cache_clear()


def test_own_prices_are_before_built_in_ones() -> None:
    assert find_rates("openai/gpt-4o", OWN, NOW) == OWN["openai/gpt-4o"]
    assert find_rates("openai/gpt-4o", {}, NOW) == PRICES["openai/gpt-4o"]


@pytest.mark.parametrize(("tokens", "cost"), [(100, 100), (101, 303), (1000, 3000), (1001, 5005)])
def test_own_prices_of_long_calls(tokens: int, cost: int) -> None:
    price = price_of(SYSTEM, "acme/large", {"input": tokens}, own=OWN, now=NOW)
    assert price.base_cost * 1_000_000 == cost
    assert price.tier_applied == (tokens > 100)


def test_the_package_prices_models_that_the_list_does_not_have() -> None:
    rates = find_rates("mistral/mistral-large-latest", {}, NOW)
    assert rates is not None
    assert 0 < rates.input <= rates.output
    assert "mistral/mistral-large-latest" not in PRICES


def test_the_package_prices_long_calls() -> None:
    rates = model_prices._in_package("google/gemini-2.5-pro", NOW)
    assert rates is not None
    assert rates.long == (
        LongRates(input=Decimal("2.5"), output=Decimal(15), cache_read=Decimal("0.25"), above=200_000),
    )
    assert rates.for_context(200_000) == (rates, False)
    assert rates.for_context(200_001)[0].input == Decimal("2.5")


@pytest.mark.parametrize("model_id", [each for each in PRICES if not each.endswith("-test")])
def test_the_package_knows_the_models_of_the_list(model_id: str) -> None:
    """By the names of the real service, with prices of the same order."""
    rates = model_prices._in_package(model_id, NOW)
    assert rates is not None
    assert Decimal("0.3") < rates.input / PRICES[model_id].input < 3


@pytest.mark.parametrize("model_id", ["gpt-4o", "acme/nothing", "openai/", "", "/gpt-4o", "openai/no-such-model-x"])
def test_names_of_no_model(model_id: str) -> None:
    assert find_rates(model_id, {}, NOW) is None


def test_every_model_of_the_package_has_rates_or_is_not_priced_by_tokens() -> None:
    snapshot = model_prices._snapshot()
    assert snapshot is not None
    found = 0
    for provider in snapshot.providers:
        for model in provider.models:
            rates = find_rates(f"{provider.id}/{model.id}", {}, NOW)
            if rates is not None:
                found += 1
                assert rates.input >= 0 <= rates.output
                assert [each.above for each in rates.long] == sorted({each.above for each in rates.long})
    assert found > 1000


def test_an_unknown_model_is_refused_with_a_note_of_what_is_known() -> None:
    with pytest.raises(ApiError) as caught:
        price_of(SYSTEM, "openai/gpt-4oo", {"input": 1}, own=OWN, now=NOW)
    assert caught.value.message == "Model openai/gpt-4oo not found in models.dev pricing data"
    assert re.match(r"there are prices of \d{4} models, such as .*openai/gpt-4o.*; a world may", caught.value.note)


@pytest.mark.usefixtures("without_package")
def test_without_the_package_the_note_says_how_to_install_it() -> None:
    assert find_rates("mistral/mistral-large-latest", {}, NOW) is None
    note = known_models("acme/lage", OWN)
    assert note.startswith(f"there are prices of {len(PRICES) + 1} models, such as acme/large")
    assert "pip install 'autumn-mock[prices]'" in note
