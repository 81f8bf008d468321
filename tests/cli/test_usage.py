"""``balances`` and ``events``."""

from __future__ import annotations

import re

from tests.support.server import ServerProcess

from .conftest import ONE, Run, document, make_history, send, text_of


def test_balances_lists_the_features_of_a_customer(run: Run, server: ServerProcess) -> None:
    send(server, {**ONE, "value": 2.5})
    lines = [line.split() for line in text_of(run("balances", "cus_123")).splitlines()]
    assert lines[0] == ["feature", "granted", "used", "left", "resets"]
    assert lines[1][:4] == ["messages", "1100", "2.5", "1097.5"]
    [messages, *_] = document(run("balances", "cus_123", "--json"))["list"]
    assert (messages["customer_id"], messages["feature_id"], messages["remaining"]) == ("cus_123", "messages", 1097.5)
    assert "Customer cus_999 not found" in text_of(run("balances", "cus_999"), code=1)


def test_balances_prints_unlimited_balances(run: Run, server: ServerProcess) -> None:
    server.ask("/v1/balances.create", {"customer_id": "cus_456", "feature_id": "api_calls", "unlimited": True})
    assert re.search(r"api_calls +unlimited +0 +unlimited$", text_of(run("balances", "cus_456")), re.MULTILINE)


def test_events_lists_what_was_deducted(run: Run, server: ServerProcess) -> None:
    make_history(server)
    lines = text_of(run("events", "--customer", "cus_alice")).splitlines()
    assert lines[0].split() == ["time", "UTC", "customer", "event", "value", "deducted"]
    assert re.search(r"cus_alice  message\.sent +3  3 messages$", lines[1])
    every = document(run("events", "--json"))["list"]
    assert [each["timestamp"] for each in every] == sorted(each["timestamp"] for each in every)
    assert document(run("events", "--json", "--limit", "1"))["list"] == every[-1:]
