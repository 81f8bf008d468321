"""Organisations that begin as copies of another one, with what was pushed to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from autumn_mock import AutumnMock, Emulator
from autumn_mock.cli import main
from autumn_mock.engine import Engine
from tests.support.client import DEFAULT_KEY, Client
from tests.support.server import ServerProcess

SEEDED = "am_sk_test_seeded"
WORKER = "am_sk_test_worker_1"


def push(client: Client, grant: float = 70) -> None:
    """What ``atmn push`` writes, and a customer."""
    feature = {"feature_id": "tokens", "name": "Tokens", "type": "metered", "consumable": True}
    client.ask("/v1/features.create", feature)
    item = {"feature_id": "tokens", "included": grant, "reset": {"interval": "month"}}
    client.ask("/v1/plans.create", {"plan_id": "mine", "name": "Mine", "items": [item]})
    client.ask("/v1/customers.get_or_create", {"customer_id": "cus_pushed"})
    client.ask("/v1/billing.attach", {"customer_id": "cus_pushed", "plan_id": "mine"})


def plans(client: Client) -> list[str]:
    return [each["id"] for each in client.ask("/v1/plans.list", None)["list"]]


def left(client: Client) -> Any:
    return client.ask("/v1/customers.get", {"customer_id": "cus_pushed"})["balances"]["tokens"]["remaining"]


@pytest.fixture
def seeded(tmp_path: Path) -> Any:
    """A server with an organisation that was pushed to, for copies on demand."""
    with Emulator(key=(SEEDED,), auto_org_like=SEEDED, rate_limit="off", db=tmp_path / "state.json") as mock:
        push(Client(mock.url, SEEDED))
        yield mock


def test_a_new_key_opens_a_copy_of_the_seeded_organisation(seeded: AutumnMock) -> None:
    one, two = (Client(seeded.url, f"{WORKER}{number}") for number in (1, 2))
    assert plans(one) == ["mine"]
    one.ask("/v1/balances.track", {"customer_id": "cus_pushed", "feature_id": "tokens", "value": 5, "async": False})
    assert (left(one), left(two), left(Client(seeded.url, SEEDED))) == (65, 70, 70)


def test_a_copy_returns_to_the_seeded_state_when_it_is_reset(seeded: AutumnMock) -> None:
    client = Client(seeded.url, WORKER)
    client.ask("/v1/plans.create", {"plan_id": "more", "name": "More"})
    origin = Client(seeded.url, SEEDED)
    origin.ask("/v1/plans.create", {"plan_id": "later", "name": "Later"})
    assert client.request("POST", "/_mock/reset", {}, client.headers()).status == 200
    assert plans(client) == ["mine"]
    assert sorted(plans(Client(seeded.url, f"{WORKER}_2"))) == ["later", "mine"]


def test_a_copy_of_a_stored_server_is_reset_to_the_seeded_organisation(tmp_path: Path) -> None:
    options: dict[str, Any] = {"key": (SEEDED,), "auto_org_like": SEEDED, "db": str(tmp_path / "state.json")}
    with Emulator(**options) as mock:
        push(Client(mock.url, SEEDED))
        Client(mock.url, WORKER).ask("/v1/plans.create", {"plan_id": "more", "name": "More"})
    with Emulator(**options) as mock:
        client = Client(mock.url, WORKER)
        assert sorted(plans(client)) == ["mine", "more"]
        client.request("POST", "/_mock/reset", {}, client.headers())
        assert plans(client) == ["mine"]


def test_the_control_call_opens_a_copy(seeded: AutumnMock) -> None:
    control = Client(seeded.url)
    opened = control.request("POST", "/_mock/organisations", {"like": SEEDED, "name": "A copy"})
    assert opened.status == 201
    assert plans(Client(seeded.url, opened.body["key"])) == ["mine"]
    chosen = control.request("POST", "/_mock/organisations", {"like": SEEDED, "key": WORKER})
    assert chosen.body["key"] == WORKER
    of_default = control.request("POST", "/_mock/organisations", {"like": DEFAULT_KEY})
    assert "free" in plans(Client(seeded.url, of_default.body["key"]))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"like": "am_sk_test_nobody"}, "no organisation here has this key"),
        ({"like": SEEDED, "world": "empty"}, "not both"),
        ({"like": SEEDED, "key": SEEDED}, "already exists"),
    ],
)
def test_the_control_call_refuses(seeded: AutumnMock, body: dict[str, str], words: str) -> None:
    reply = Client(seeded.url).request("POST", "/_mock/organisations", body)
    assert reply.status == 400
    assert words in reply.body["message"]


def test_a_key_that_opens_nothing_stops_the_start() -> None:
    with pytest.raises(ValueError, match="no organisation here has this key"):
        Engine(auto_org_like="am_sk_test_nobody")
    result = CliRunner().invoke(main, ["serve", "--port", "0", "--auto-org", "like=am_sk_test_nobody"])
    assert result.exit_code == 2
    assert "no organisation here has this key" in result.output


@pytest.mark.parametrize("words", [["--auto-org", f"like={SEEDED}"], [f"--auto-org=like={SEEDED}"]])
def test_the_option_names_the_key(words: list[str]) -> None:
    with ServerProcess("--key", SEEDED, *words) as server:
        push(Client(server.url, SEEDED))
        assert plans(Client(server.url, WORKER)) == ["mine"]


def test_a_saved_world_has_what_was_pushed(seeded: AutumnMock, tmp_path: Path) -> None:
    file = str(tmp_path / "seeded.json")
    saved = CliRunner().invoke(main, ["world", "save", file, "--url", seeded.url, "--key", SEEDED])
    assert saved.exit_code == 0, saved.output
    with Emulator(world=file, auto_org=True, key=(SEEDED,)) as mock:
        client = Client(mock.url, WORKER)
        assert plans(client) == ["mine"]
        client.ask("/v1/plans.create", {"plan_id": "more", "name": "More"})
        client.request("POST", "/_mock/reset", {}, client.headers())
        assert plans(client) == ["mine"]
