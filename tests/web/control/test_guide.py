"""``/_mock/quickstart`` and ``/_mock/coverage``."""

from __future__ import annotations

import re
import shlex
import subprocess

from flask.testing import FlaskClient

from autumn_mock.web.resources.registry import ROUTES
from autumn_mock.web.resources.unsupported import MESSAGES, PARTLY, ROUTE_MESSAGES
from tests.support.server import ServerProcess


def test_quickstart_has_this_servers_url_key_and_contents(client: FlaskClient) -> None:
    reply = client.get("/_mock/quickstart")
    assert reply.content_type == "text/plain; charset=UTF-8"
    for text in (
        "AUTUMN_SECRET_KEY=am_sk_test_autumn_mock",
        "AUTUMN_MOCK_URL=http://localhost ",
        "ATMN_BACKEND_URL=http://localhost ",
        "http://localhost/v1/balances.track",
        'serverURL: "http://localhost"',
        "plans       free, pro",
        "customers   cus_123, cus_456",
    ):
        assert text in reply.text


def test_quickstart_of_a_key_does_not_show_another(client: FlaskClient) -> None:
    text = client.get("/_mock/quickstart", headers={"Authorization": "Bearer am_sk_test_other"}).text
    assert "am_sk_" not in text
    assert "customers   none" in text


def test_quickstart_commands_work_as_pasted(server: ServerProcess) -> None:
    text = server.get("/_mock/quickstart", None).body
    commands = re.findall(r"^  (curl .*?)$", text.replace("\\\n", " "), re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        done = subprocess.run(shlex.split(command), capture_output=True, text=True, timeout=30, check=True)
        assert '"customer_id":"cus_123"' in done.stdout or '"customerId"' in done.stdout, done.stdout


def test_coverage_names_every_call_and_route(client: FlaskClient) -> None:
    body = client.get("/_mock/coverage").get_json()
    by_status = {status: {each["call"] for each in body["calls"] if each["status"] == status} for status in body}
    refused = {each["call"] for each in body["calls"] if set(each["routes"]) & set(ROUTE_MESSAGES)}
    assert by_status["not"] == set(MESSAGES) | refused
    assert by_status["partly"] == set(PARTLY)
    assert {"balances.batch_track", "balances.check", "customers.list"} <= by_status["served"]
    assert {route for each in body["calls"] for route in each["routes"]} == set(ROUTES)
    assert (body["served"], body["not"]) == (len(by_status["served"]), len(MESSAGES) + len(ROUTE_MESSAGES))
    assert all(each["note"] for each in body["calls"] if each["status"] != "served")
