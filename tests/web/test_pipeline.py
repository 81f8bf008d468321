"""The order of a request's steps, its headers, and what becomes of requests that nobody serves."""

from __future__ import annotations

import errno

import pytest
from flask.testing import FlaskClient

from autumn_mock.domain.organisation import ApiKey
from autumn_mock.engine import Engine
from autumn_mock.faults.board import FaultBoard
from autumn_mock.store.environment import Environment
from tests.web.conftest import KEY, Post

BATCH = "/v1/balances.batch_track"
ITEM = {"customer_id": "cus_123", "feature_id": "messages"}


def test_a_bad_key_is_told_before_a_bad_version(post: Post) -> None:
    reply = post(BATCH, [ITEM], key="am_sk_test_unknown", x_api_version="9.9.9")
    assert (reply.status_code, reply.get_json()["code"]) == (401, "invalid_secret_key")
    assert "ratelimit-limit" not in reply.headers


def test_a_bad_version_is_told_before_the_limit_counts(post: Post) -> None:
    reply = post(BATCH, {}, x_api_version="9.9.9")
    assert reply.status_code == 400
    assert reply.get_json()["message"] == '"9.9.9" is not a valid API version'
    assert "ratelimit-limit" not in reply.headers


def test_a_bad_body_counts_against_the_limit(post: Post) -> None:
    remaining = [int(post(BATCH, {}).headers["ratelimit-remaining"]) for _ in range(3)]
    assert remaining == [9, 8, 7]


def test_the_eleventh_batch_of_a_window_is_refused_in_plain_text(emulator: Engine, post: Post) -> None:
    emulator.clock.freeze()
    statuses = [post(BATCH, [ITEM]).status_code for _ in range(10)]
    refused = post(BATCH, [ITEM])
    assert statuses == [202] * 10
    assert refused.status_code == 429
    assert refused.text == "Too many requests, please try again later."
    assert refused.headers["content-type"] == "text/plain; charset=UTF-8"
    assert {name: value for name, value in refused.headers.items() if "rate" in name or "retry" in name} == {
        "ratelimit-limit": "10",
        "ratelimit-policy": "10;w=1",
        "ratelimit-remaining": "0",
        "ratelimit-reset": "1",
        "retry-after": "1",
    }


def test_a_window_passes_on_the_organisations_own_clock(emulator: Engine, post: Post) -> None:
    emulator.clock.freeze()
    for _ in range(11):
        last = post(BATCH, [ITEM])
    assert last.status_code == 429
    assert post("/_mock/clock", {"advance": "1s"}).status_code == 200
    assert post(BATCH, [ITEM]).headers["ratelimit-remaining"] == "9"


def test_environments_and_organisations_have_limits_of_their_own(emulator: Engine, post: Post) -> None:
    emulator.clock.freeze()
    for _ in range(10):
        post(BATCH, [ITEM])
    assert post(BATCH, [ITEM], key="am_sk_live_autumn_mock").headers["ratelimit-remaining"] == "9"
    assert post(BATCH, [ITEM], key="am_sk_test_other").headers["ratelimit-remaining"] == "9"
    assert post("/v1/balances.track", ITEM).headers["ratelimit-limit"] == "10000"


def test_an_idempotency_key_is_taken_until_a_request_fails(post: Post) -> None:
    assert post(BATCH, {}, Idempotency_Key="once").status_code == 400
    assert post(BATCH, [ITEM], Idempotency_Key="once").status_code == 202
    again = post("/v1/features.list", {}, Idempotency_Key="once")
    assert (again.status_code, again.json) == (
        409,
        {
            "message": "Another request with idempotency key once has already been received",
            "code": "duplicate_idempotency_key",
            "env": "sandbox",
        },
    )


def test_every_reply_has_the_common_headers(post: Post) -> None:
    headers = post(BATCH, [ITEM]).headers
    assert headers["content-type"] == "application/json"
    assert headers["access-control-allow-credentials"] == "true"
    assert headers["access-control-expose-headers"] == "Content-Length"
    assert headers["vary"] == "Origin"
    assert "access-control-allow-origin" not in headers


def test_json_is_compact_and_keys_stand_in_the_wires_order(post: Post) -> None:
    reply = post("/v1/balances.check", {"customer_id": "nobody", "feature_id": "messages"})
    assert reply.text == '{"message":"Customer nobody not found","code":"customer_not_found","env":"sandbox"}'


def test_a_preflight_needs_no_key(client: FlaskClient) -> None:
    reply = client.options(BATCH)
    assert (reply.status_code, reply.data) == (204, b"")


@pytest.mark.parametrize("path", ["/v1/balances.batchTrack", "/v1/balances.batch_track/", "/v1/nope", "/v1/"])
def test_what_is_not_served_answers_as_the_real_server_and_says_so_in_the_journal(
    emulator: Engine, post: Post, path: str
) -> None:
    reply = post(path, {})
    assert (reply.status_code, reply.get_json()["code"]) == (401, "no_auth_header")
    note = emulator.journal.entries()[-1].note
    assert note is not None
    assert note.startswith(f"POST {path} does not exist here")


def test_a_wrong_method_is_not_told_either(client: FlaskClient) -> None:
    reply = client.get(BATCH, headers={"Authorization": f"Bearer {KEY}"})
    assert reply.status_code == 401
    assert "allow" not in reply.headers


def test_the_journal_never_holds_a_key(emulator: Engine, post: Post) -> None:
    post(BATCH, [ITEM])
    assert KEY not in str(emulator.journal.entries())


def test_a_fault_header_that_does_not_parse_is_told(post: Post) -> None:
    reply = post(BATCH, [ITEM], x_autumn_mock_fault="enqueue:fial")
    assert reply.status_code == 400
    assert "did you mean enqueue:fail" in reply.get_json()["message"]


def test_partial_failure_is_a_202_and_the_failure_is_kept(emulator: Engine, client: FlaskClient, post: Post) -> None:
    reply = post(BATCH, [ITEM, ITEM, ITEM], x_autumn_mock_fault="enqueue:fail items=1")
    assert (reply.status_code, reply.json) == (202, {"success": True})
    assert emulator.drain(10)
    [failure] = client.get("/_mock/failures").get_json()["list"]
    assert failure["type"] == "batch_track_enqueue_partial_failure"
    assert failure["failures"] == [{"index": 1}]
    assert (failure["success_count"], failure["failure_count"], failure["total_count"]) == (2, 1, 3)
    stats = emulator.stats()
    assert (stats["offered"], stats["refused"], stats["accepted"], stats["deducted"]) == (3, 1, 2, 2)


def test_total_failure_is_a_503_that_is_safe_to_retry(emulator: Engine, post: Post) -> None:
    reply = post(BATCH, [ITEM, ITEM], x_autumn_mock_fault="queue:down")
    assert reply.status_code == 503
    assert reply.headers["retry-after"] == "1"
    assert reply.json == {
        "message": "Async track is not available right now",
        "code": "internal_error",
        "env": "sandbox",
    }
    assert emulator.stats()["accepted"] == 0


def test_a_key_whose_organisation_goes_meanwhile_opens_nothing(
    emulator: Engine, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, find = emulator.open_organisation().key, emulator.find_key

    def find_and_close(key: str) -> ApiKey | None:
        found = find(key)
        assert found is not None
        emulator.close_organisation(found.org_id)
        return found

    monkeypatch.setattr(emulator, "find_key", find_and_close)
    reply = post("/v1/features.list", {}, key)
    assert (reply.status_code, reply.get_json()["code"]) == (401, "invalid_secret_key")


@pytest.mark.parametrize("headers", [{}, {"Idempotency_Key": "k"}], ids=["plain", "keyed"])
@pytest.mark.parametrize("path", ["/v1/balances.track", "/v1/features.list"])
def test_a_full_disk_is_a_503_that_may_be_sent_again(
    emulator: Engine, post: Post, monkeypatch: pytest.MonkeyPatch, path: str, headers: dict[str, str]
) -> None:
    reads = path == "/v1/features.list"

    def refuse(_change: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    environment = emulator.state.environment("org_autumn_mock", "sandbox")
    with monkeypatch.context() as patch:
        patch.setattr(environment, "_sink", refuse)
        reply = post(path, {} if reads else ITEM, **headers)
    if reads and not headers:
        assert reply.status_code == 200
    else:
        assert (reply.status_code, reply.headers["Retry-After"]) == (503, "1")
        assert reply.get_json()["message"] == "The database cannot be written right now"
    assert [each.status for each in emulator.journal.entries()] == [reply.status_code]
    assert post(path, {} if reads else ITEM, **headers).status_code == 200


def test_a_request_whose_organisation_goes_before_its_work_finds_nothing(
    emulator: Engine, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, board_for = emulator.open_organisation().key, emulator.board_for

    def close_and_find(environment: Environment) -> FaultBoard:
        emulator.close_organisation(environment.name[0])
        return board_for(environment)

    monkeypatch.setattr(emulator, "board_for", close_and_find)
    reply = post(BATCH, [ITEM], key)
    assert (reply.status_code, reply.get_json()["code"]) == (401, "invalid_secret_key")
    assert repr(emulator.gate) == "<RequestBarrier open, 0 inside>"


def test_a_failure_on_the_way_out_is_a_500_and_leaves_the_gate(
    emulator: Engine, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(emulator.journal, "next_id", lambda: 1 / 0)
        assert post(BATCH, [ITEM], Idempotency_Key="once").status_code == 500
    assert repr(emulator.gate) == "<RequestBarrier open, 0 inside>"
    assert post(BATCH, [ITEM]).status_code == 202
