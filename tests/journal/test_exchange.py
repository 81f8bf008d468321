"""Headers and bodies of requests in the journal: what is kept, cut, masked and dropped."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from autumn_mock.domain.organisation import shown_key
from autumn_mock.engine import Engine
from autumn_mock.journal.exchange import MAX_BODY_KEPT, MAX_REPLY_KEPT, Exchange
from autumn_mock.journal.requests import RequestEntry, RequestJournal
from autumn_mock.journal.secrets import masked, masked_header, masked_query
from autumn_mock.web import create_app
from tests.journal.test_findings import batch, timed
from tests.support.client import BATCH, CHECK, TRACK
from tests.web.conftest import KEY, Post

NAME = ("org_autumn_mock", "sandbox")
ITEM = {"customer_id": "cus_123", "feature_id": "messages"}
UNKNOWN = "am_sk_test_xyz_unknown"


def whole(client: FlaskClient, number: int = -1) -> dict[str, Any]:
    """A request, as the control API shows it; by default the last one."""
    listed = client.get("/_mock/requests").get_json()["list"][number]
    found: dict[str, Any] = client.get(f"/_mock/requests/{listed['id']}").get_json()
    return found


def test_request_has_headers_bodies_and_message(client: FlaskClient, post: Post) -> None:
    reply = post(CHECK, {**ITEM, "feature_id": "mesages", "entity_id": "seat_1"}, x_request_id="mine-7", x_secret="a")
    assert reply.headers["x-request-id"] == "mine-7"
    shown = whole(client)
    assert json.loads(shown["request_body"])["feature_id"] == "mesages"
    assert json.loads(shown["reply_body"])["code"] == "feature_not_found"
    assert (shown["size"], shown["reply_size"]) == (len(shown["request_body"]), len(reply.data))
    assert not shown["request_body_cut"]
    assert not shown["reply_body_cut"]
    assert shown["request_headers"]["authorization"] == "Bearer am_sk_test_autu*******"
    assert shown["request_headers"]["x-secret"] == "***"
    assert shown["request_headers"]["content-type"] == "application/json"
    assert shown["reply_headers"]["content-type"] == "application/json"
    assert (shown["customer_id"], shown["entity_id"]) == ("cus_123", "seat_1")
    assert (shown["message"], shown["correlation_id"]) == ("Feature mesages not found", "mine-7")


def test_long_or_odd_request_ids_are_not_sent_back(post: Post) -> None:
    for odd in ("x" * 201, "caf\xe9"):
        assert "x-request-id" not in post(CHECK, ITEM, x_request_id=odd).headers
    assert "x-request-id" not in post(CHECK, ITEM).headers


def test_list_leaves_out_headers_and_bodies_unless_asked(client: FlaskClient, post: Post) -> None:
    post(TRACK, ITEM)
    [short] = client.get("/_mock/requests").get_json()["list"]
    assert not {"request_body", "reply_body", "request_headers", "reply_headers", "deductions"} & set(short)
    [row] = client.get("/_mock/requests?bodies=1").get_json()["list"]
    assert json.loads(row["request_body"]) == ITEM
    assert [(each["feature_id"], each["value"]) for each in row["deductions"]] == [("messages", 1)]


@pytest.mark.parametrize(
    ("rule", "body"),
    [
        ("reply:status 503", ITEM),
        ("reply:status 503", [ITEM, {**ITEM, "customer_id": "cus_456"}]),
        ("limit:exhausted", ITEM),
        ("reply:hang 0", ITEM),
    ],
)
def test_customer_is_known_of_requests_that_a_fault_answered(
    client: FlaskClient, post: Post, rule: str, body: Any
) -> None:
    post(BATCH if isinstance(body, list) else CHECK, body, x_autumn_mock_fault=rule)
    assert whole(client)["customer_id"] == "cus_123"
    assert len(client.get("/_mock/requests?customer=cus_123").get_json()["list"]) == 1


def test_customer_is_read_from_the_path_and_the_query(client: FlaskClient) -> None:
    headers = {"Authorization": f"Bearer {KEY}", "x-autumn-mock-fault": "reply:status 500"}
    for path in ("/v1/customers/cus_path", "/v1/customers?customer_id=cus_path"):
        client.get(path, headers=headers)
        assert whole(client)["customer_id"] == "cus_path"


def test_requests_with_unknown_keys_are_kept_and_counted(client: FlaskClient, post: Post) -> None:
    for _ in range(3):
        post(CHECK, ITEM, UNKNOWN)
    keyed = client.get("/_mock/requests", headers={"Authorization": f"Bearer {KEY}"}).get_json()
    assert keyed == {"list": [], "unknown_keys": {"am_sk_test_xyz_*******": 3}}
    shown = whole(client)
    assert (shown["org"], shown["customer_id"]) == ("", "cus_123")
    assert shown["request_headers"]["authorization"] == "Bearer am_sk_test_xyz_*******"
    assert UNKNOWN not in json.dumps(shown)


def test_deductions_of_a_batch_are_joined_by_item(emulator: Engine, client: FlaskClient, post: Post) -> None:
    lost, plain = {**ITEM, "customer_id": "cus_none"}, {**ITEM, "value": 2}
    post(BATCH, [plain, lost, {**plain, "value": 3}])
    assert emulator.drain(10)
    assert [(each["index"], each["value"]) for each in whole(client)["deductions"]] == [(0, 2), (2, 3)]


def test_deductions_of_check_and_finalize_are_shown(client: FlaskClient, post: Post) -> None:
    post(CHECK, {**ITEM, "required_balance": 5, "send_event": True, "lock": {"lock_id": "l", "enabled": True}})
    assert [each["value"] for each in whole(client)["deductions"]] == [5]
    post("/v1/balances.finalize", {"lock_id": "l", "action": "confirm", "override_value": 7})
    assert [each["value"] for each in whole(client)["deductions"]] == [2]


def test_webhooks_name_the_request_and_the_item() -> None:
    with Engine(webhook_url=("http://127.0.0.1:9",)) as engine:
        client = create_app(engine).test_client()
        headers = {"Authorization": f"Bearer {KEY}"}
        use_all = {**ITEM, "value": 100_000, "customer_id": "cus_456"}
        client.post(TRACK, json=use_all, headers=headers)
        client.post(BATCH, json=[ITEM, {**use_all, "customer_id": "cus_123"}], headers=headers)
        assert engine.drain(10)
        tracked, batched = whole(client, 0), whole(client, 1)
    assert [(each["index"], each["type"]) for each in tracked["webhooks"]] == [(None, "balances.limit_reached")]
    assert [(each["index"], each["type"]) for each in batched["webhooks"]] == [(1, "balances.limit_reached")]


def test_long_bodies_are_cut_and_said_so(client: FlaskClient, post: Post) -> None:
    for number in range(200):
        post("/v1/customers.get_or_create", {"customer_id": f"cus_{number}", "name": "n" * 200})
    reply = post("/v1/customers.list", {"limit": 200})
    shown = whole(client)
    assert shown["reply_size"] == len(reply.data) > MAX_REPLY_KEPT
    assert (len(shown["reply_body"]), shown["reply_body_cut"]) == (MAX_REPLY_KEPT, True)
    body = b'{"customer_id": "cus_1", "name": "' + b"n" * MAX_BODY_KEPT + b'"}'
    post("/v1/customers.update", body)
    shown = whole(client)
    assert (shown["size"], shown["request_body_cut"]) == (len(body), True)
    assert len(shown["request_body"]) < len(body)


def entry(number: int, size: int, kind: str = "reply") -> RequestEntry:
    """A request that keeps ``size`` bytes of a reply, or as the body of a batch."""
    exchange = Exchange((), (), None, {}, "", None, (), b"x" * size, size)
    fields = {"org": NAME[0], "env": NAME[1], "exchange": exchange}
    return batch(number, b"x" * size if kind == "batch" else b"", **fields)


def test_journal_keeps_no_more_bytes_than_its_capacity_of_requests_and_replies() -> None:
    journal = RequestJournal(capacity=1000, body_capacity=10_000)
    for number in range(1, 101):
        journal.add(entry(number, 1000))
    kept = [each for each in journal.entries(NAME) if each.reply_body is not None]
    assert [each.id for each in kept] == list(range(91, 101))
    assert {each.whole()["reply_size"] for each in journal.entries(NAME)} == {1000}


def test_replies_are_dropped_before_bodies_that_findings_need() -> None:
    journal = RequestJournal(capacity=1000, body_capacity=10_000)
    first = batch(1, [timed(1)], org=NAME[0], env=NAME[1])
    journal.add(first)
    for number in range(2, 50):
        journal.add(entry(number, 1000))
    assert journal.entries(NAME)[0].content is not None


def test_bodies_that_fill_the_capacity_leave_room_for_new_replies() -> None:
    journal = RequestJournal(capacity=1000, body_capacity=10_000)
    for number in range(1, 30):
        journal.add(entry(number, 2000, "batch"))
    kept = journal.entries(NAME)
    assert [each.id for each in kept if each.content is not None] == [27, 28, 29]
    assert [each.id for each in kept if each.reply_body is not None] == [28, 29]
    assert sum(len(each.body or b"") + len(each.reply_body or b"") for each in kept) <= 10_000


def test_dropped_entries_free_their_bytes() -> None:
    journal = RequestJournal(capacity=3, body_capacity=10_000)
    for number in range(1, 50):
        journal.add(entry(number, 3000))
    assert [each.reply_body is not None for each in journal.entries(NAME)] == [True] * 3


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("", ""),
        ("abc", "a**"),
        ("am_sk_test_", "am_sk******"),
        ("am_sk_test_a", "am_sk_test_*"),
        ("am_sk_test_ci", "am_sk_test_c*"),
        ("am_sk_test_acme", "am_sk_test_ac**"),
        ("am_sk_test_sixteen", "am_sk_test_six****"),
        ("am_sk_test_autumn_mock", "am_sk_test_autu*******"),
    ],
)
def test_a_part_of_every_key_is_hidden(key: str, shown: str) -> None:
    assert shown_key(key) == shown
    assert shown_key(shown) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("am_sk_test_autumn_mock", "am_sk_test_autu*******"),
        ("am_sk_test_autu*******", None),
        ("Invalid secret key: am_sk_test_brie", "Invalid secret key: am_sk_test_br**"),
        ('{"key": "am_sk_live_0123456789"}', '{"key": "am_sk_live_0123******"}'),
        ('{"a": "whsec_YXV0dW1u"}', '{"a": "whsec_***"}'),
        ('{"secret": "s3"}', '{"secret": "***"}'),
        ('{"client_secret" : "s\\"3", "b": 1}', '{"client_secret" : "***", "b": 1}'),
        ('{"secretKey": "s3"}', '{"secretKey": "***"}'),
        ('{"access_token": "t", "password": "p"}', '{"access_token": "***", "password": "***"}'),
        ('{"input_tokens": "3", "idempotency_key": "k", "customer_id": "c"}', None),
    ],
)
def test_masked_masks_keys_and_secret_fields(text: str, shown: str | None) -> None:
    assert masked(text) == (text if shown is None else shown)


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("authorization", "Bearer am_sk_test_autumn_mock", "Bearer am_sk_test_autu*******"),
        ("authorization", "Basic dXNlcjpwYXNz", "Basic ***"),
        ("authorization", "secret", "***"),
        ("cookie", "a=b; c=d", "***"),
        ("x-autumn-mock-token", "t0k3n", "***"),
        ("x-api-key", "k", "***"),
        ("svix-signature", "v1,abc", "***"),
        ("idempotency-key", "k", "k"),
        ("x-custom", "am_sk_test_autumn_mock", "am_sk_test_autu*******"),
        ("user-agent", "curl/8", "curl/8"),
    ],
)
def test_masked_header_masks_secret_headers(name: str, value: str, shown: str) -> None:
    assert masked_header(name, value) == shown


def test_masked_query_masks_secret_parameters() -> None:
    assert (
        masked_query("token=a&limit=3&api_key=b&idempotency_key=k") == "token=***&limit=3&api_key=***&idempotency_key=k"
    )


def test_503_of_a_fault_fits_the_call(post: Post) -> None:
    def message(path: str, body: Any) -> str:
        reply = post(path, body, x_autumn_mock_fault="reply:status 503")
        assert reply.headers.get("retry-after") is None
        text: str = reply.get_json()["message"]
        return text

    for path in (CHECK, TRACK, "/v1/customers.get"):
        assert message(path, ITEM) == "Service is temporarily unavailable, please retry shortly."
    assert message(BATCH, [ITEM]) == "Async track is not available right now"
    assert message(TRACK, {**ITEM, "async": True}) == "Async track is not available right now"
