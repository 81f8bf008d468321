"""``/_mock/clock``: months, the next reset, and errors that change nothing."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from flask.testing import FlaskClient

from autumn_mock.ledger.intervals import DAY
from tests.web.conftest import KEY, Post

CLOCK = "/_mock/clock"
AUTHORIZED = {"Authorization": f"Bearer {KEY}"}


def instant(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp() * 1000)


@pytest.mark.parametrize(
    ("advance", "then"),
    [
        ("1month", "2026-02-28"),
        ("1 month", "2026-02-28"),
        ("3mo", "2026-04-30"),
        ("2 years", "2028-01-31"),
        ("1y", "2027-01-31"),
        ("1d", "2026-02-01"),
        (86_400_000, "2026-02-01"),
    ],
)
def test_clock_advances_by_calendar_months(post: Post, advance: Any, then: str) -> None:
    post(CLOCK, {"now": "2026-01-31", "freeze": True})
    assert post(CLOCK, {"advance": advance}).get_json()["now"] == instant(then)


def test_clock_advances_to_the_next_reset(client: FlaskClient, post: Post) -> None:
    """The free plan of the world has balances that are reset monthly."""
    post("/v1/balances.track", {"customer_id": "cus_bob", "feature_id": "messages", "value": 7})
    before = client.get("/_mock/balances/cus_bob").get_json()["balances"]["messages"]
    moved = post(CLOCK, {"advance": "next-reset"}).get_json()
    after = client.get("/_mock/balances/cus_bob").get_json()["balances"]["messages"]
    assert (before["usage"], after["usage"]) == (7, 0)
    assert 27 * DAY < moved["ahead"] < 32 * DAY
    assert moved["now"] - before["next_reset_at"] < DAY


def test_clock_has_no_next_reset_without_balances(post: Post) -> None:
    refused = post(CLOCK, {"advance": "next-reset"}, "am_sk_test_other")
    message = "advance: no balance here has a next reset, and no plan renews"
    assert (refused.status_code, refused.get_json()["message"]) == (400, message)


@pytest.mark.parametrize(("later", "jumps"), [(3_000, 1), (90_000, 2)])
def test_next_reset_passes_what_is_due_within_a_minute(post: Post, client: FlaskClient, later: int, jumps: int) -> None:
    """A renewal, a moment after the reset of another customer's balance."""
    post(CLOCK, {"now": "2026-03-01", "freeze": True})
    post("/v1/billing.attach", {"customer_id": "cus_reset", "plan_id": "free"})
    post(CLOCK, {"advance": later})
    post("/_mock/customers/cus_bob/payment_method", {"payment_method": "ok"})
    bought = post("/v1/billing.attach", {"customer_id": "cus_bob", "plan_id": "pro"}).get_json()
    assert bought["invoice"]["status"] == "paid"
    for _ in range(jumps):
        post(CLOCK, {"advance": "next-reset"})
    renewals = post("/v1/invoices.list", {"customer_id": "cus_bob"}).get_json()["list"]
    assert len(renewals) == 2
    assert instant("2026-04-01") + later < client.get(CLOCK, headers=AUTHORIZED).get_json()["now"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "input: give one or more of advance, now, freeze, reset"),
        ({"advnace": "1d"}, "input: there is no field 'advnace', did you mean 'advance'?"),
        (
            {"advance": "P1M", "freeze": True},
            "advance: 'P1M' is not a duration; write 90m, 1d, 1h30m, 250ms, 1month or next-reset",
        ),
        ({"advance": True, "freeze": True}, "advance: must be like 90m, 1d, 1h30m, 250ms, 1month or next-reset"),
        ({"freeze": "yes"}, "freeze: must be true or false"),
        ({"now": "yesterday", "freeze": True}, "must be an instant like 2026-01-31 or 2026-01-31T12:00:00Z"),
    ],
)
def test_clock_refuses_what_it_cannot_do_and_changes_nothing(
    client: FlaskClient, post: Post, body: Any, message: str
) -> None:
    refused = post(CLOCK, body)
    assert refused.status_code == 400
    assert message in refused.get_json()["message"]
    assert client.get(CLOCK).get_json()["frozen"] is False
