"""Prices of language models in a world."""

from __future__ import annotations

from pathlib import Path

import pytest

from autumn_mock import create_app
from autumn_mock.clock import Clock
from autumn_mock.engine import Engine
from autumn_mock.input_files import InputFileError
from autumn_mock.store.state import State
from autumn_mock.worlds import read_world, seed
from tests.support.client import AppClient
from tests.support.refusals import without_path

from .conftest import WriteWorld

KEY = "am_sk_test_acme"
WORLD = """\
organisations:
  - slug: acme
    keys: [am_sk_test_acme]
    model_prices:
      acme/large:
        input: 1.5
        output: 4
        long: [{above: 2000000, input: 3, output: 8}]
    sandbox:
      features: [{feature_id: ai, name: AI, type: ai_credit_system}]
      customers: [{customer_id: c, balances: [{feature_id: ai, included_grant: 100}]}]
"""


def cost(client: AppClient, tokens: int) -> float:
    body = {"customer_id": "c", "feature_id": "ai", "model_id": "acme/large", "input_tokens": tokens}
    return float(client.ask("/v1/balances.track_tokens", {**body, "output_tokens": 0, "async": False})["value"])


def test_prices_of_a_world_apply_and_are_kept(write_world: WriteWorld, tmp_path: Path) -> None:
    path, database = write_world(WORLD), str(tmp_path / "state.json")
    with Engine(world=str(path), db=database) as engine:
        client = AppClient(create_app(engine), KEY)
        assert [cost(client, 1_000_000), cost(client, 3_000_000)] == [1.5, 9]
    with Engine(world="empty", db=database) as engine:
        assert cost(AppClient(create_app(engine), KEY), 1_000_000) == 1.5


def test_prices_belong_to_a_copy_of_the_organisation_too(write_world: WriteWorld) -> None:
    with Engine(world=str(write_world(WORLD)), auto_org=True) as engine:
        assert cost(AppClient(create_app(engine), "am_sk_test_other"), 2_000_000) == 3


def test_unknown_model_is_noted_with_the_nearest_ones(write_world: WriteWorld) -> None:
    with Engine(world=str(write_world(WORLD))) as engine:
        client = AppClient(create_app(engine), KEY)
        body = {"customer_id": "c", "feature_id": "ai", "model_id": "acme/larg", "input_tokens": 1, "output_tokens": 0}
        reply = client.post("/v1/balances.track_tokens", body)
        assert (reply.status, reply.body["message"]) == (400, "Model acme/larg not found in models.dev pricing data")
        note = client.get("/_mock/requests").body["list"][-1]["note"]
        assert "such as acme/large" in note


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "input: 1.5\n",
            "input: -1\n",
            "6: organisations.0.model_prices.acme/large.input: Too small: expected number to be >=0",
        ),
        ("        output: 4\n", "", "5: organisations.0.model_prices.acme/large.output: must be a number"),
        ("output: 4", "ouput: 4", "output"),
        ("{above: 2000000", "{above: 0.5", "above: "),
    ],
)
def test_prices_are_checked(write_world: WriteWorld, old: str, new: str, message: str) -> None:
    path = write_world(WORLD.replace(old, new))
    with pytest.raises(InputFileError) as caught:
        seed(State(Clock()), read_world(path))
    assert message in without_path(caught.value, path)
