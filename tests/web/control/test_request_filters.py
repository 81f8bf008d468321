"""``GET /_mock/requests``: which entries of the journal its parameters select."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from autumn_mock.engine import Engine
from autumn_mock.web import create_app
from tests.support.client import AppClient

CHECK, TRACK = "balances.check", "balances.track"


@pytest.fixture(scope="module")
def client() -> Iterator[AppClient]:
    with Engine(rate_limit="off") as engine:
        client = AppClient(create_app(engine), engine.first_key)
        item = {"customer_id": "cus_123", "feature_id": "messages"}
        client.post(f"/v1/{CHECK}", item)
        client.post(f"/v1/{TRACK}", item)
        client.post(f"/v1/{CHECK}", {**item, "feature_id": "mesages"})
        client.post(f"/v1/{CHECK}", {**item, "customer_id": "cus_456"}, x_autumn_mock_fault="reply:status 503")
        yield client


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("", [1, 2, 3, 4]),
        ("after=3", [4]),
        ("limit=2", [3, 4]),
        ("limit=0", []),
        ("status=404", [3]),
        ("status=4xx", [3]),
        ("status=2xx", [1, 2]),
        ("status=5xx", [4]),
        ("call=balances.track", [2]),
        ("status=none", []),
        ("call=track", [2]),
        ("customer=cus_123&call=balances.check", [1, 3]),
        ("customer=cus_456", [4]),
        ("since=1h", [1, 2, 3, 4]),
        ("since=2100-01-01", []),
        ("since=0&failed=1", [3, 4]),
        ("failed=1", [3, 4]),
        ("failed=1&limit=1", [4]),
    ],
)
def test_parameters_select_requests(client: AppClient, query: str, numbers: list[int]) -> None:
    assert [each["id"] for each in client.get(f"/_mock/requests?{query}").body["list"]] == numbers


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("statu=404", "query: there is no parameter 'statu', did you mean 'status'?"),
        ("status=abc", "status: must be a status like 404, a class like 4xx, or none"),
        ("failed=yes", "failed: must be 1"),
        ("bodies=yes", "bodies: must be 1"),
        ("call=balances.chek", "call: there is no call 'balances.chek', did you mean 'balances.check'?"),
        ("since=yesterday", "since: must be a duration like 5m, or an instant like 2026-01-31T12:00:00Z"),
        ("limit=-1", "limit: must be a whole number of at most 15 digits"),
    ],
)
def test_invalid_parameters_are_refused(client: AppClient, query: str, message: str) -> None:
    reply = client.get(f"/_mock/requests?{query}")
    assert (reply.status, reply.body["message"]) == (400, message)
