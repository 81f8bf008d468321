"""Each kind of finding by the calls that lead to it, through the application; the table of the documentation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

import autumn_mock
from autumn_mock.docs import topics
from autumn_mock.engine import Engine
from autumn_mock.journal.exchange import MAX_REPLY_KEPT
from autumn_mock.journal.finding import Finding
from autumn_mock.journal.finding_filter import finding_filter, read_finding_filter
from autumn_mock.journal.finding_kinds import FINDING_KINDS
from tests.docs.reference import finding_kinds
from tests.web.conftest import KEY, Post

TRACK = "/v1/balances.track"
BATCH = "/v1/balances.batch_track"
CHECK = "/v1/balances.check"
#: A reply that is lost after the service has done its work.
LOST = "reply:status 502 after=enqueue times=1"
#: A failure before the service.
FAILED = "reply:status 502 times=1"
UNAVAILABLE = "reply:status 503 times=1 retry-after=1"


def use(value: float = 2, /, **fields: Any) -> dict[str, Any]:
    return {"customer_id": "cus_456", "feature_id": "messages", "value": value, **fields}


@pytest.fixture
def findings(emulator: Engine) -> Callable[[], list[Finding]]:
    """The findings of the first organisation, once its queue is empty."""

    def find() -> list[Finding]:
        assert emulator.drain(10)
        return [*emulator.all_findings()]

    return find


Found = Callable[[], list[Finding]]


def brief(found: list[Finding]) -> list[tuple[str, dict[str, float], bool]]:
    return [(each.code, each.amounts, each.certain) for each in found]


# -- taken, and the client did not know

LATER = {"timestamp": 1_700_000_000_000}
DISTINCT: dict[str, Any] = {"properties": {"chat": "c_17"}}
#: The call, its body, and what is at stake after a lost reply and a retry: the amount, and whether it is certain.
REPEATED: dict[str, tuple[str, Any, float, bool]] = {
    "track": (TRACK, use(), 2, False),
    "track with a timestamp": (TRACK, use(**LATER), 2, True),
    "track with properties": (TRACK, use(**DISTINCT), 2, True),
    "queued track": (TRACK, use(**{"async": True}, **LATER), 2, True),
    "batch": (BATCH, [use(**LATER), use(3, **LATER)], 5, True),
    "check with an event": (CHECK, {**use(), "required_balance": 2, "send_event": True}, 2, False),
    "update": (
        "/v1/balances.update",
        {"customer_id": "cus_456", "feature_id": "messages", "add_to_balance": 7},
        7,
        False,
    ),
    "create": (
        "/v1/balances.create",
        {"customer_id": "cus_456", "feature_id": "messages", "included_grant": 9},
        9,
        False,
    ),
}


@pytest.mark.parametrize(("path", "body", "amount", "certain"), REPEATED.values(), ids=REPEATED)
def test_a_retry_after_a_lost_reply_is_found(
    post: Post, findings: Found, path: str, body: Any, amount: float, certain: bool
) -> None:
    post(path, body, x_autumn_mock_fault=LOST)
    assert post(path, body).status_code in (200, 202)
    assert brief(findings()) == [("resent_after_lost_reply", {"messages": amount}, certain)]
    assert bool(findings()[0].reason) is not certain


def test_a_retry_of_tokens_after_a_lost_reply_is_found(post: Post, findings: Found) -> None:
    feature = {"feature_id": "ai", "name": "AI", "type": "ai_credit_system"}
    post("/v1/features.create", feature)
    post("/v1/balances.create", {"customer_id": "cus_456", "feature_id": "ai", "included_grant": 100})
    body = {"customer_id": "cus_456", "model_id": "openai/gpt-4o", "input_tokens": 10, "output_tokens": 5, **LATER}
    for rule in (LOST, ""):
        reply = post("/v1/balances.track_tokens", body, x_autumn_mock_fault=rule)
    assert reply.status_code == 200, reply.text
    assert brief(findings()) == [("resent_after_lost_reply", {"tokens of openai/gpt-4o": 15}, True)]


@pytest.mark.parametrize("path", [TRACK, BATCH])
@pytest.mark.parametrize("header", [False, True])
def test_one_key_for_all_tries_is_never_found(post: Post, findings: Found, path: str, header: bool) -> None:
    for number in (1, 2, 3):
        body = use() if header else use(idempotency_key=f"use_{number}")
        for rule in (LOST, ""):
            headers = {"idempotency_key": f"use_{number}"} if header else {}
            post(path, [body] if path == BATCH else body, x_autumn_mock_fault=rule, **headers)
    assert findings() == []


@pytest.mark.parametrize("path", [TRACK, BATCH])
@pytest.mark.parametrize("field", ["idempotency_key", "timestamp"])
def test_new_identifiers_after_a_lost_reply_are_probably_a_resend(
    post: Post, findings: Found, path: str, field: str
) -> None:
    for number, rule in enumerate((LOST, LOST, "")):
        made: dict[str, Any] = {field: f"try_{number}" if field == "idempotency_key" else 1_700_000_000_000 + number}
        body = use(**made)
        post(path, [body] if path == BATCH else body, x_autumn_mock_fault=rule)
    [found] = findings()
    assert brief([found]) == [("resent_after_lost_reply", {"messages": 4}, False)]
    assert len(found.requests) == 3
    assert "made anew" in found.reason
    assert "before the first try" in found.instead


def test_an_amount_added_up_after_a_lost_reply_is_probably_a_resend(post: Post, findings: Found) -> None:
    post(TRACK, use(5), x_autumn_mock_fault=LOST)
    post(TRACK, use(8))
    [found] = findings()
    assert brief([found]) == [("resent_after_lost_reply", {"messages": 5}, False)]
    assert "larger amount" in found.message


@pytest.mark.parametrize("value", [3, 5])
def test_another_use_after_a_lost_reply_with_other_properties_is_not_found(
    post: Post, findings: Found, value: float
) -> None:
    post(TRACK, use(3, properties={"use": 1}), x_autumn_mock_fault=LOST)
    post(TRACK, use(value, properties={"use": 2}))
    assert findings() == []


def test_properties_that_others_share_are_no_proof(post: Post, findings: Found) -> None:
    shared = use(1, properties={"model": "small"})
    post(TRACK, shared)
    post(TRACK, shared, x_autumn_mock_fault=LOST)
    post(TRACK, shared)
    assert brief(findings()) == [("resent_after_lost_reply", {"messages": 1}, False)]


# -- not taken, and the client continued


def test_new_keys_after_a_503_are_no_loss(post: Post, findings: Found) -> None:
    for number, rule in enumerate(("queue:down times=1", "queue:down times=1", "")):
        post(BATCH, [use(idempotency_key=f"{number}_{index}") for index in range(3)], x_autumn_mock_fault=rule)
    assert [each for each in findings() if each.code != "retried_too_soon"] == []


@pytest.mark.parametrize(
    ("rule", "code"), [(UNAVAILABLE, "not_resent_after_503"), ("reply:status 429 times=1", "not_resent_after_429")]
)
@pytest.mark.parametrize("path", [TRACK, BATCH])
def test_what_is_never_sent_again_is_lost(post: Post, findings: Found, path: str, rule: str, code: str) -> None:
    post(path, [use(4)] if path == BATCH else use(4), x_autumn_mock_fault=rule)
    assert brief(findings()) == [(code, {"messages": 4}, True)]


def test_what_is_added_up_after_a_503_is_perhaps_lost(post: Post, findings: Found) -> None:
    post(TRACK, use(5, idempotency_key="a"), x_autumn_mock_fault=UNAVAILABLE)
    post(TRACK, use(8, idempotency_key="b"))
    [found] = findings()
    assert brief([found]) == [("not_resent_after_503", {"messages": 5}, False)]
    assert "in a sum" in found.reason


def test_a_check_that_failed_is_perhaps_lost(post: Post, findings: Found) -> None:
    body = {"customer_id": "cus_456", "feature_id": "messages", "required_balance": 3, "send_event": True}
    post(CHECK, body, x_autumn_mock_fault=UNAVAILABLE)
    assert brief(findings()) == [("not_resent_after_503", {"messages": 3}, False)]
    post(CHECK, {**body, "send_event": False}, x_autumn_mock_fault=UNAVAILABLE)
    assert len(findings()) == 1


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"customer_id": "cus_typo"}, "customer_not_found"),
        ({"entity_id": "seat_typo"}, "entity_not_found"),
    ],
)
def test_accepted_and_dropped_is_lost(post: Post, findings: Found, item: dict[str, Any], reason: str) -> None:
    post(BATCH, [use(), use(3, **item)])
    [found] = findings()
    assert brief([found]) == [("lost_after_accepted", {"messages": 3}, True)]
    assert reason in found.message


def test_dropped_by_a_fault_is_not_the_clients_doing(post: Post, findings: Found) -> None:
    post(BATCH, [use()], x_autumn_mock_fault="worker:drop")
    assert brief(findings()) == [("lost_after_accepted", {"messages": 2}, False)]


def test_a_key_used_twice_is_not_lost(post: Post, findings: Found) -> None:
    for _ in range(2):
        post(BATCH, [use(idempotency_key="once")])
    assert findings() == []


def test_usage_sent_to_a_route_that_does_not_exist_is_lost(post: Post, findings: Found) -> None:
    assert post("/v1/balances.batchTrack", [use(3)]).status_code == 401
    [found] = findings()
    assert brief([found]) == [("unknown_route", {"messages": 3}, True)]
    assert "/v1/balances.batch_track" in found.message


LOCK: dict[str, Any] = {
    "customer_id": "cus_456",
    "feature_id": "messages",
    "required_balance": 6,
    "lock": {"enabled": True, "lock_id": "job_1"},
}
FINALIZE = {"lock_id": "job_1", "action": "confirm"}


def test_a_lock_that_is_held_is_perhaps_never_finalized(post: Post, findings: Found) -> None:
    assert post(CHECK, LOCK).get_json()["allowed"]
    assert brief(findings()) == [("lock_not_finalized", {"messages": 6}, False)]
    assert post("/v1/balances.finalize", FINALIZE).status_code == 200
    assert findings() == []


def test_a_lock_that_expired_was_never_finalized(post: Post, findings: Found, emulator: Engine) -> None:
    environment = next(iter(emulator.state.environments()))
    expires_at = environment.clock.now() + 60_000
    post(CHECK, {**LOCK, "lock": {**LOCK["lock"], "expires_at": expires_at}})
    environment.clock.advance(120_000)
    assert brief(findings()) == [("lock_not_finalized", {"messages": 6}, True)]


def test_a_finalize_that_failed_leaves_a_lock(post: Post, findings: Found) -> None:
    post(CHECK, LOCK)
    post("/v1/balances.finalize", FINALIZE, x_autumn_mock_fault=UNAVAILABLE)
    [found] = findings()
    assert (found.code, found.certain, len(found.requests)) == ("lock_not_finalized", True, 2)


def test_pages_that_are_not_read(post: Post, findings: Found) -> None:
    for number in range(3):
        post("/v1/customers.get_or_create", {"customer_id": f"cus_page_{number}"})
    headers = {"x_api_version": "2.4.0"}
    first = post("/v1/customers.list", {"limit": 1, "start_cursor": ""}, **headers).get_json()
    assert [each.code for each in findings()] == ["page_not_followed"]
    cursor = first["next_cursor"]
    while cursor:
        cursor = post("/v1/customers.list", {"limit": 1, "start_cursor": cursor}, **headers).get_json()["next_cursor"]
    assert findings() == []


def test_pages_of_an_older_route_that_are_not_read(post: Post, client: FlaskClient, findings: Found) -> None:
    headers = {"authorization": f"Bearer {KEY}", "x-api-version": "1.2"}
    for number in range(15):
        post("/v1/customers.get_or_create", {"customer_id": f"cus_page_{number}"})
    page = client.get("/v1/customers?limit=10", headers=headers).get_json()
    assert (len(page["list"]), page["has_more"]) == (10, True)
    assert [each.code for each in findings()] == ["page_not_followed"]
    client.get("/v1/customers?limit=10&offset=100", headers=headers)
    assert [each.code for each in findings()] == ["page_not_followed"]
    rest = page["total_filtered_count"] - 10
    client.get(f"/v1/customers?limit={rest}&offset=10", headers=headers)
    assert findings() == []


def test_a_large_page_is_not_followed(post: Post, findings: Found) -> None:
    for number in range(60):
        post("/v1/customers.get_or_create", {"customer_id": f"cus_page_{number}", "name": "n" * 2000})
    page = post("/v1/customers.list", {"limit": 50, "start_cursor": ""}, x_api_version="2.4.0")
    assert len(page.data) > MAX_REPLY_KEPT
    assert [each.code for each in findings()] == ["page_not_followed"]


# -- the client made it worse


def test_retries_of_what_cannot_succeed(post: Post, findings: Found) -> None:
    for _ in range(3):
        assert post(TRACK, {"customer_id": 5, "feature_id": "messages"}).status_code == 400
    [found] = findings()
    assert (found.code, found.certain, len(found.requests)) == ("retried_impossible", True, 3)


@pytest.mark.parametrize(("times", "codes"), [(2, []), (3, ["loop_on_409"])])
def test_a_loop_on_409(post: Post, findings: Found, times: int, codes: list[str]) -> None:
    for _ in range(times + 1):
        post(TRACK, use(idempotency_key="once"))
    assert [each.code for each in findings()] == codes


@pytest.mark.parametrize(
    ("path", "body", "certain"),
    [
        (TRACK, use(feature_id="mesages"), True),
        ("/v1/customers.get", {"customer_id": "cus_typo"}, False),
    ],
)
def test_a_loop_on_404(post: Post, findings: Found, path: str, body: Any, certain: bool) -> None:
    for _ in range(3):
        assert post(path, body).status_code == 404
    assert [(each.code, each.certain) for each in findings()] == [("loop_on_404", certain)]


def test_a_404_that_ends_is_not_a_loop(post: Post, findings: Found) -> None:
    for _ in range(3):
        post("/v1/customers.get", {"customer_id": "cus_late"})
    post("/v1/customers.get_or_create", {"customer_id": "cus_late"})
    assert post("/v1/customers.get", {"customer_id": "cus_late"}).status_code == 200
    assert findings() == []


@pytest.mark.parametrize("key", ["am_sk_test_wrong", None])
def test_a_wrong_key_again_and_again(post: Post, findings: Found, key: str | None) -> None:
    for number in range(3):
        assert findings() == []
        post(TRACK, use(number), key=key)
    [found] = findings()
    assert (found.code, found.certain, len(found.requests)) == ("wrong_key_retried", True, 3)
    assert KEY not in found.message


def test_the_control_call_reports_wrong_keys_of_the_whole_server(post: Post, client: FlaskClient) -> None:
    for _ in range(3):
        post(TRACK, use(), key="am_sk_test_wrong")
    own = {"authorization": f"Bearer {KEY}"}
    lists = [client.get("/_mock/findings", headers=headers).get_json()["list"] for headers in ({}, own)]
    assert [[(each["code"], each["org"]) for each in rows] for rows in lists] == [[("wrong_key_retried", "")], []]


def test_a_retry_without_a_key_after_an_ambiguous_failure(post: Post, findings: Found) -> None:
    for rule in (FAILED, ""):
        post(TRACK, use(), x_autumn_mock_fault=rule)
    assert brief(findings()) == [("missing_idempotency_key", {"messages": 2}, False)]


def test_a_retry_without_a_key_after_a_503_is_right(post: Post, findings: Found) -> None:
    for rule in ("reply:status 503 times=1", ""):
        post(TRACK, use(), x_autumn_mock_fault=rule)
    assert findings() == []


def test_a_body_near_the_limit() -> None:
    with Engine(max_body=1 << 20) as engine:
        client = autumn_mock.create_app(engine).test_client()
        for size in (700_000, 900_000):
            body = use(properties={"text": "x" * size})
            client.post(TRACK, json=body, headers={"authorization": f"Bearer {KEY}"})
        [found] = engine.all_findings()
    assert (found.code, found.certain, len(found.requests)) == ("near_size_limit", False, 1)


# -- filters and texts


def test_filter_selects_by_level_and_code(post: Post, findings: Found) -> None:
    for rule in (FAILED, ""):
        post(TRACK, use(), x_autumn_mock_fault=rule)
    post("/v1/balances.batchTrack", [use(3)])
    found = findings()
    assert [each.code for each in finding_filter().select(found)] == ["unknown_route"]
    assert finding_filter("probable").select(found) == found
    assert read_finding_filter("probable,hammering").select(found) == []
    assert [each.code for each in read_finding_filter("probable, unknown_route").select(found)] == ["unknown_route"]
    assert read_finding_filter("missing_idempotency_key").select(found) == []


@pytest.mark.parametrize("text", ["sure", "probable,hamering", "certain,certain"])
def test_filter_refuses_unknown_words(text: str) -> None:
    with pytest.raises(ValueError, match="there is no finding"):
        read_finding_filter(text)
    with pytest.raises(ValueError, match="there is no level"):
        finding_filter("sure")


def test_documentation_lists_every_kind_of_finding() -> None:
    assert f"\n{finding_kinds()}\n" in topics()["findings"].text


def test_every_kind_has_a_test_of_its_calls() -> None:
    """By the codes in the tests of findings."""
    texts = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_finding*.py"))
    assert [code for code in FINDING_KINDS if f'"{code}"' not in texts] == []
