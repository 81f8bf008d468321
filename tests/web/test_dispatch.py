"""Dispatch: the order of its steps, its headers, unserved routes, and errors at every step."""

from __future__ import annotations

import errno

import pytest
from flask.testing import FlaskClient

from autumn_mock import create_app
from autumn_mock.domain.organisation import ApiKey
from autumn_mock.domain.version import Version
from autumn_mock.engine import Engine
from autumn_mock.faults.board import FaultBoard
from autumn_mock.store.environment import Environment
from tests.support.client import BATCH, CHECK, TRACK
from tests.web.conftest import KEY, Post

ITEM = {"customer_id": "cus_123", "feature_id": "messages"}


def test_dispatch_authenticates_before_it_negotiates_the_version(post: Post) -> None:
    reply = post(BATCH, [ITEM], key="am_sk_test_unknown", x_api_version="9.9.9")
    assert (reply.status_code, reply.get_json()["code"]) == (401, "invalid_secret_key")
    assert "ratelimit-limit" not in reply.headers


def test_dispatch_negotiates_the_version_before_it_counts_the_request(post: Post) -> None:
    reply = post(BATCH, {}, x_api_version="9.9.9")
    assert reply.status_code == 400
    assert reply.get_json()["message"] == '"9.9.9" is not a valid API version'
    assert "ratelimit-limit" not in reply.headers


@pytest.mark.parametrize("version", ["2.7.0", "3.0", "2027-01-01"])
def test_dispatch_answers_newer_versions_as_the_newest_and_notes_it(
    client: FlaskClient, post: Post, version: str
) -> None:
    reply = post("/v1/balances.track", ITEM, x_api_version=version)
    assert (reply.status_code, reply.get_json()["balance"]) == (202, None)
    (entry,) = client.get("/_mock/requests", headers={"Authorization": f"Bearer {KEY}"}).get_json()["list"]
    assert entry["note"] == f"{version} is newer than all known API versions; answered as {Version.NEWEST.value}"


def test_dispatch_refuses_newer_versions_when_it_is_strict() -> None:
    with Engine(strict_versions=True) as strict:
        headers = {"Authorization": f"Bearer {KEY}", "x-api-version": "2.7.0"}
        reply = create_app(strict).test_client().post(BATCH, json=[ITEM], headers=headers)
    assert (reply.status_code, reply.get_json()["code"]) == (400, "invalid_api_version")


def test_dispatch_frees_the_idempotency_key_of_a_failed_request(post: Post) -> None:
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


def test_dispatch_adds_the_common_headers(post: Post) -> None:
    headers = post(BATCH, [ITEM]).headers
    assert headers["content-type"] == "application/json"
    assert headers["access-control-allow-credentials"] == "true"
    assert headers["access-control-expose-headers"] == "Content-Length"
    assert headers["vary"] == "Origin"
    assert "access-control-allow-origin" not in headers


def test_dispatch_replies_compact_json_in_the_order_of_the_wire(post: Post) -> None:
    reply = post("/v1/balances.check", {"customer_id": "unknown", "feature_id": "messages"})
    assert reply.text == '{"message":"Customer unknown not found","code":"customer_not_found","env":"sandbox"}'


def test_dispatch_answers_a_preflight_without_a_key(client: FlaskClient) -> None:
    reply = client.options(BATCH)
    assert (reply.status_code, reply.data) == (204, b"")


@pytest.mark.parametrize(
    ("path", "body", "where"),
    [
        (TRACK, '{"customer_id":"cus_123",', "line 1, column 26"),
        (BATCH, '[{"customer_id":"cus_123"},', "line 1, column 28"),
        (CHECK, '{"customer_id": "c"\n "feature_id": "f"}', "line 2, column 2"),
        (TRACK, "customer_id=cus_123", "line 1, column 1"),
        (TRACK, '{"customer_id": NaN}', "NaN is not JSON"),
    ],
)
def test_dispatch_notes_where_a_body_is_not_json(
    emulator: Engine, client: FlaskClient, path: str, body: str, where: str
) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    assert client.post(path, data=body, headers=headers).status_code == 400
    note = emulator.journal.entries()[-1].note
    assert note is not None
    assert note.startswith("the body is not valid JSON (")
    assert note.endswith(f"{where}); it is read as {{}}")


@pytest.mark.parametrize("body", ["", "{}", "[]", '{"customer_id": 5}'])
def test_dispatch_notes_nothing_about_json_that_is_refused(emulator: Engine, client: FlaskClient, body: str) -> None:
    assert client.post(TRACK, data=body, headers={"Authorization": f"Bearer {KEY}"}).status_code == 400
    assert emulator.journal.entries()[-1].note is None


@pytest.mark.parametrize("path", ["/v1/balances.batchTrack", "/v1/balances.batch_track/", "/v1/nope", "/v1/", "/v1//x"])
def test_dispatch_refuses_an_unserved_route_and_notes_it_in_the_journal(
    emulator: Engine, post: Post, path: str
) -> None:
    reply = post(path, {})
    assert (reply.status_code, reply.get_json()["code"]) == (401, "no_auth_header")
    note = emulator.journal.entries()[-1].note
    assert note is not None
    assert note.startswith(f"POST {path} does not exist here")


def test_dispatch_refuses_a_wrong_method_as_an_unserved_route(client: FlaskClient) -> None:
    reply = client.get(BATCH, headers={"Authorization": f"Bearer {KEY}"})
    assert reply.status_code == 401
    assert "allow" not in reply.headers


def test_dispatch_keeps_keys_out_of_the_journal(emulator: Engine, post: Post) -> None:
    post(BATCH, [ITEM])
    assert KEY not in str(emulator.journal.entries())


def test_dispatch_refuses_an_invalid_fault_header(post: Post) -> None:
    reply = post(BATCH, [ITEM], x_autumn_mock_fault="enqueue:fial")
    assert reply.status_code == 400
    assert "did you mean enqueue:fail" in reply.get_json()["message"]


def test_batch_track_replies_202_when_some_items_are_refused(emulator: Engine, client: FlaskClient, post: Post) -> None:
    reply = post(BATCH, [ITEM, ITEM, ITEM], x_autumn_mock_fault="enqueue:fail items=1")
    assert (reply.status_code, reply.json) == (202, {"success": True})
    assert emulator.drain(10)
    [failure] = client.get("/_mock/failures").get_json()["list"]
    assert failure["type"] == "batch_track_enqueue_partial_failure"
    assert failure["failures"] == [{"index": 1}]
    assert (failure["success_count"], failure["failure_count"], failure["total_count"]) == (2, 1, 3)
    stats = emulator.stats()
    assert (stats["offered"], stats["refused"], stats["accepted"], stats["deducted"]) == (3, 1, 2, 2)


def test_batch_track_replies_503_when_every_item_is_refused(emulator: Engine, post: Post) -> None:
    reply = post(BATCH, [ITEM, ITEM], x_autumn_mock_fault="queue:down")
    assert reply.status_code == 503
    assert reply.headers["retry-after"] == "1"
    assert reply.json == {
        "message": "Async track is not available right now",
        "code": "internal_error",
        "env": "sandbox",
    }
    assert emulator.stats()["accepted"] == 0


def test_dispatch_refuses_a_key_whose_organisation_is_removed_during_authentication(
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
def test_dispatch_replies_503_when_the_disk_is_full(
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


def test_dispatch_refuses_a_request_whose_organisation_is_removed_before_the_barrier(
    emulator: Engine, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, board_for = emulator.open_organisation().key, emulator.board_for

    def close_and_find(environment: Environment) -> FaultBoard:
        emulator.close_organisation(environment.name[0])
        return board_for(environment)

    monkeypatch.setattr(emulator, "board_for", close_and_find)
    reply = post(BATCH, [ITEM], key)
    assert (reply.status_code, reply.get_json()["code"]) == (401, "invalid_secret_key")
    assert repr(emulator.barrier) == "<RequestBarrier open, 0 inside>"


def test_dispatch_replies_500_and_leaves_the_barrier_when_journalling_fails(
    emulator: Engine, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(emulator.journal, "next_id", lambda: 1 / 0)
        assert post(BATCH, [ITEM], Idempotency_Key="once").status_code == 500
    assert repr(emulator.barrier) == "<RequestBarrier open, 0 inside>"
    assert post(BATCH, [ITEM]).status_code == 202


@pytest.mark.parametrize(
    ("path", "body", "customer", "message"),
    [
        (BATCH, [ITEM, {**ITEM, "customer_id": "cus_456"}], "cus_123", None),
        ("/v1/balances.track", ITEM, "cus_123", None),
        ("/v1/balances.check", {**ITEM, "feature_id": "mesages"}, "cus_123", "Feature mesages not found"),
        ("/v1/customers.get", {"customer_id": "cus_none"}, "cus_none", "Customer cus_none not found"),
        ("/v1/features.list", {}, "", None),
        (BATCH, [], "", "input: "),
    ],
)
def test_dispatch_journals_the_customer_and_the_message(
    emulator: Engine, post: Post, path: str, body: object, customer: str, message: str | None
) -> None:
    post(path, body)
    entry = emulator.journal.entries()[-1]
    assert entry.customer_id == customer
    assert (entry.message or "").startswith(message or "")
    assert (entry.message is None) == (message is None)


def test_dispatch_journals_the_masked_key_of_a_request_that_opens_no_organisation(emulator: Engine, post: Post) -> None:
    for key in ("am_sk_test_unknown_key", None, KEY):
        post(BATCH, [ITEM], key=key)
    unknown, without, known = emulator.journal.entries()
    assert unknown.unknown_key == "am_sk_test_unkn*******"
    assert (without.unknown_key, known.unknown_key) == (None, None)


def test_dispatch_journals_a_part_of_a_short_key_that_the_client_gets_whole(
    emulator: Engine, client: FlaskClient, post: Post
) -> None:
    reply = post(BATCH, [ITEM], key="am_sk_test_brie")
    assert reply.get_json()["message"] == "Invalid secret key: am_sk_test_brie"
    (entry,) = emulator.journal.entries()
    assert entry.message == "Invalid secret key: am_sk_test_br**"
    shown = client.get(f"/_mock/requests/{entry.id}").get_data(as_text=True)
    assert "am_sk_test_br**" in shown
    assert "am_sk_test_brie" not in shown


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://localhost:5173", "https://localhost"])
@pytest.mark.parametrize("method", ["POST", "OPTIONS"])
def test_pages_of_development_servers_may_call(client: FlaskClient, method: str, origin: str) -> None:
    headers = client.open(BATCH, method=method, headers={"Origin": origin}).headers
    assert headers["access-control-allow-origin"] == origin
    assert headers["access-control-allow-credentials"] == "true"


@pytest.mark.parametrize(
    "origin", ["https://example.com", "http://localhost.example.com", "http://localhost:x", "null"]
)
def test_other_pages_may_not_call(client: FlaskClient, origin: str) -> None:
    assert "access-control-allow-origin" not in client.post(BATCH, headers={"Origin": origin}).headers


def test_path_with_a_parameters_name_in_brackets_is_a_path_like_any_other(post: Post) -> None:
    reply = post("/v1/customers/%3Ccustomer_id%3E/entities", {"id": "ent_1", "feature_id": "seats"})
    assert (reply.status_code, reply.get_json()["customer_id"]) == (200, "<customer_id>")
