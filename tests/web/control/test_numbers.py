"""Numbers and instants of control calls: no digit that a client sends makes a 500."""

from __future__ import annotations

import pytest

from autumn_mock.domain.record import LATEST
from autumn_mock.engine import Engine
from autumn_mock.web import create_app

DIGITS = ["9" * 30, "9" * 5000, "-1", "1e9", "٣", "999999999999999"]


@pytest.mark.parametrize("digits", DIGITS, ids=lambda digits: digits[:5])
@pytest.mark.parametrize(
    "path",
    ["events?limit=", "queue/messages?limit=", "requests?after=", "requests/", "webhooks?limit=", "findings?after="],
)
def test_numbers_of_a_query(path: str, digits: str) -> None:
    client = create_app(Engine()).test_client()
    assert client.get(f"/_mock/{path}{digits}").status_code in (200, 400, 404)


@pytest.mark.parametrize(
    "body",
    [
        {"now": -1},
        {"now": LATEST + 1},
        {"now": 10**300},
        {"advance": 10**300},
        {"advance": -(10**300)},
        {"now": LATEST, "advance": 1},
        {"now": "9" * 5000},
        {"now": "0001-01-01T00:00:00+23:59"},
        {"now": 1e308},
    ],
    ids=str,
)
def test_a_clock_stays_within_the_calendar(body: dict[str, object]) -> None:
    engine = Engine(world="empty")
    reply = create_app(engine).test_client().post("/_mock/clock", json=body)
    assert reply.status_code == 400
    assert reply.get_json()["message"]
    assert engine.clock.offset == 0
