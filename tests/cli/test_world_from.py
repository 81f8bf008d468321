"""``world from``: a world read from a running server, which stands for a real sandbox."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.client import DEFAULT_KEY
from tests.support.server import ServerProcess

from .conftest import ONE, document, runner, send, text_of

NOWHERE = runner("http://127.0.0.1:9")


def test_it_is_a_world_that_can_be_served(server: ServerProcess, tmp_path: Path) -> None:
    send(server, {**ONE, "value": 7})
    file = tmp_path / "copy.yaml"
    written = text_of(NOWHERE("world", "from", server.url, str(file), "--key", DEFAULT_KEY))
    begin = f"wrote 6 features, 2 plans, 5 customers to {file}; its key is am_sk_test_autumn_mock_copy; "
    assert written == f"{begin}start with: autumn-mock serve --world {file}\n"
    assert DEFAULT_KEY + "\n" not in file.read_text()
    checked = document(NOWHERE("world", "check", str(file), "--json"))
    assert (checked["customers"], checked["balances"], checked["plans"]) == (5, 16, 2)
    with ServerProcess("--world", str(file), key="am_sk_test_autumn_mock_copy") as copy:
        assert copy.balance("cus_123") == server.balance("cus_123") == 1093


def test_it_is_json_or_on_standard_output(server: ServerProcess, tmp_path: Path) -> None:
    file = tmp_path / "copy.json"
    done = document(
        NOWHERE("world", "from", server.url, str(file), "--json", "--customers", "2", AUTUMN_SECRET_KEY=DEFAULT_KEY)
    )
    assert done == {"features": 6, "plans": 2, "customers": 2, "key": "am_sk_test_autumn_mock_copy", "file": str(file)}
    assert len(json.loads(file.read_text())["organisations"][0]["sandbox"]["customers"]) == 2
    printed = NOWHERE("world", "from", server.url, "--key", DEFAULT_KEY)
    assert printed.stdout.startswith(f"# Read from {server.url} by autumn-mock world from.\norganisations:\n- slug: ")
    assert printed.stderr.startswith("wrote 6 features, 2 plans, 5 customers\n")


@pytest.mark.parametrize(
    ("key", "code", "message"),
    [
        ("am_sk_test_wrong", 1, "/v1/organization/me was answered with 401: "),
        ("my-real-secret", 2, "--key: must be a secret key, which begins with am_sk_test_ or am_sk_live_"),
        ("", 2, "--key: must be a secret key"),
    ],
)
def test_a_wrong_key_is_not_printed(server: ServerProcess, key: str, code: int, message: str) -> None:
    output = text_of(NOWHERE("world", "from", server.url, "--key", key), code=code)
    assert message in output
    assert not key or key not in output


def test_an_existing_file_is_kept(server: ServerProcess, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("mine")
    command = ("world", "from", server.url, str(file), "--key", DEFAULT_KEY)
    assert "exists; choose another name, or replace it with --force" in text_of(NOWHERE(*command), code=1)
    assert file.read_text() == "mine"
    assert "wrote 6 features" in text_of(NOWHERE(*command, "--force"))


def test_a_running_server_is_saved_as_a_text_or_as_a_snapshot(server: ServerProcess, tmp_path: Path) -> None:
    run, text, snapshot = runner(server.url), tmp_path / "now.yaml", tmp_path / "now.json"
    text.write_text("is replaced")
    saved = text_of(run("world", "save", str(text), "--key", DEFAULT_KEY))
    assert "wrote 6 features, 2 plans, 5 customers to" in saved
    assert "; its key is am_sk_test_autumn_mock_copy; start with: " in saved
    assert "am_sk_test_autumn_mock_copy" in text.read_text("utf-8")
    assert text.read_text("utf-8").startswith("# Read from http://127.0.0.1:")
    assert "customer_id: cus_alice" in text.read_text("utf-8")
    assert "cus_alice" in text_of(run("world", "show", str(text)))
    assert text_of(run("world", "check", str(text)))
    refused = text_of(run("world", "save", str(text)), code=2)
    assert "a text has one organisation: give its --key; a FILE.json keeps the whole server" in refused
    assert "saved " in text_of(run("world", "save", str(snapshot)))
    assert '"_autumn_mock"' in snapshot.read_text("utf-8")


def test_a_server_that_is_not_there_is_named() -> None:
    output = text_of(NOWHERE("world", "from", "http://127.0.0.1:9", "--key", DEFAULT_KEY), code=1)
    assert "GET http://127.0.0.1:9/v1/organization/me was not answered (" in output
