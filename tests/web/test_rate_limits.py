"""Rate limits: groups, windows and headers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from autumn_mock import create_app
from autumn_mock.engine import Engine
from tests.web.conftest import KEY, Post

BATCH = "/v1/balances.batch_track"
ITEM = {"customer_id": "cus_123", "feature_id": "messages"}


def test_limit_counts_a_request_with_an_invalid_body(post: Post) -> None:
    remaining = [int(post(BATCH, {}).headers["ratelimit-remaining"]) for _ in range(3)]
    assert remaining == [9, 8, 7]


def test_limit_refuses_the_eleventh_batch_of_a_window_in_plain_text(emulator: Engine, post: Post) -> None:
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


def test_limit_window_ends_on_the_organisations_clock(emulator: Engine, post: Post) -> None:
    emulator.clock.freeze()
    for _ in range(11):
        last = post(BATCH, [ITEM])
    assert last.status_code == 429
    assert post("/_mock/clock", {"advance": "1s"}).status_code == 200
    assert post(BATCH, [ITEM]).headers["ratelimit-remaining"] == "9"


def test_limit_counts_each_environment_and_organisation_separately(emulator: Engine, post: Post) -> None:
    emulator.clock.freeze()
    for _ in range(10):
        post(BATCH, [ITEM])
    assert post(BATCH, [ITEM], key="am_sk_live_autumn_mock").headers["ratelimit-remaining"] == "9"
    assert post(BATCH, [ITEM], key="am_sk_test_other").headers["ratelimit-remaining"] == "9"
    assert post("/v1/balances.track", ITEM).headers["ratelimit-limit"] == "10000"


@pytest.mark.parametrize(
    ("path", "body", "version", "limit", "window"),
    [
        ("balances.track", ITEM, "2.3.0", 10_000, 1),
        ("balances.check", ITEM, "2.3.0", 10_000, 1),
        ("entities.get", {"entity_id": "e"}, "2.3.0", 50, 1),
        ("events.list", {}, "2.3.0", 5, 1),
        ("customers.list", {}, "2.3.0", 50, 1),
        ("customers.list", {}, "2.2.0", 5, 1),
        ("billing.attach", {}, "2.3.0", 30, 60),
        ("logs.search", {}, "2.3.0", 10, 1),
        ("features.list", {}, "2.3.0", 25, 1),
        ("not.served", {}, "2.3.0", 25, 1),
    ],
)
def test_limit_depends_on_the_call_and_the_version(
    post: Post, path: str, body: object, version: str, limit: int, window: int
) -> None:
    headers = post(f"/v1/{path}", body, x_api_version=version).headers
    assert headers["ratelimit-policy"] == f"{limit};w={window}"
    assert (headers["ratelimit-limit"], headers["ratelimit-remaining"]) == (str(limit), str(limit - 1))


def test_limit_counts_each_customer_separately(emulator: Engine, post: Post) -> None:
    emulator.clock.freeze()
    for customer_id, remaining in (("cus_123", "9999"), ("cus_123", "9998"), ("cus_bob", "9999")):
        reply = post("/v1/balances.track", {**ITEM, "customer_id": customer_id})
        assert reply.headers["ratelimit-remaining"] == remaining


def test_limit_is_cleared_by_a_reset(emulator: Engine, post: Post) -> None:
    emulator.clock.freeze()
    post(BATCH, [ITEM])
    assert post("/_mock/reset").get_json()["cleared"]["rate_limits"] == 1
    emulator.clock.freeze()
    assert post(BATCH, [ITEM]).headers["ratelimit-remaining"] == "9"


def test_limit_allows_exactly_its_number_of_concurrent_requests(emulator: Engine) -> None:
    emulator.clock.freeze()
    app = create_app(emulator)

    def send(_: int) -> int:
        headers = {"Authorization": f"Bearer {KEY}"}
        return app.test_client().post(BATCH, json=[ITEM], headers=headers).status_code

    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(send, range(30)))
    assert (statuses.count(202), statuses.count(429)) == (10, 20)


def test_limit_of_batches_counts_their_unserved_path(emulator: Engine, post: Post) -> None:
    emulator.clock.freeze()
    item = [{"customer_id": "cus_123", "feature_id": "messages"}]
    paths = ["/v1/balances.batch_track", "/v1/balances/batch_track"] * 5
    assert [post(path, item).status_code for path in paths] == [202, 401] * 5
    assert [post(path, item).status_code for path in paths[:2]] == [429, 429]
