"""The client of public calls: pages, limits, failures, and keys that are never shown."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from email.utils import formatdate

import httpx
import pytest

from autumn_mock.data.public_client import PublicCallError, PublicClient

KEY = "am_sk_test_secret"
Reply = httpx.Response


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits that were asked for; none is made."""
    made: list[float] = []
    monkeypatch.setattr(time, "sleep", made.append)
    return made


def answering(*replies: Reply | Exception) -> PublicClient:
    """A client of a server that gives these replies, one after the other."""
    rest: Iterator[Reply | Exception] = iter(replies)

    def handle(request: httpx.Request) -> Reply:
        assert request.headers["Authorization"] == f"Bearer {KEY}"
        reply = next(rest)
        if isinstance(reply, Exception):
            raise reply
        return reply

    return PublicClient("https://user:password@api.example/v1/", KEY, httpx.MockTransport(handle))


def ok(**body: object) -> Reply:
    return Reply(200, json=body)


@pytest.mark.parametrize(
    ("reply", "waited"),
    [
        (lambda: Reply(429, headers={"Retry-After": "7"}), 7),
        (lambda: Reply(429, headers={"Retry-After": "0.25"}), 0.25),
        (lambda: Reply(429, headers={"Retry-After": "9999"}), 120),
        (lambda: Reply(429, headers={"Retry-After": formatdate(time.time() + 30)}), pytest.approx(30, abs=2)),
        (lambda: Reply(429, headers={"Retry-After": "soon"}), 0.5),
        (lambda: Reply(503), 0.5),
        (lambda: httpx.ReadTimeout("late"), 0.5),
    ],
)
def test_a_call_is_repeated(waits: list[float], reply: Callable[[], Reply], waited: float) -> None:
    with answering(reply(), ok(done=True)) as client:
        assert client.post("/x") == {"done": True}
    assert waits == [waited]


def test_a_call_is_given_up(waits: list[float]) -> None:
    message = r"^POST https://api.example/v1/x was not answered \(refused\)$"
    with answering(ok(), *[httpx.ConnectError("refused")] * 8) as client:
        client.post("/x")
        with pytest.raises(PublicCallError, match=message):
            client.post("/x")
    assert waits == [0.5, 1, 2, 4, 8, 16, 32]


def test_a_server_that_was_never_reached_is_not_tried_again(waits: list[float]) -> None:
    with answering(httpx.ConnectError("refused")) as client, pytest.raises(PublicCallError, match="not answered"):
        client.post("/x")
    assert waits == []


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (Reply(401, json={"message": "Invalid secret key"}), "was answered with 401: Invalid secret key"),
        (Reply(404, text="no"), "was answered with 404: Not Found"),
        (Reply(200, text="<html>"), "was answered with 200 and no JSON object; is it the URL of an API?"),
    ],
)
def test_a_refusal_is_reported_at_once(waits: list[float], reply: Reply, message: str) -> None:
    with answering(reply) as client, pytest.raises(PublicCallError) as caught:
        client.get("/x")
    assert str(caught.value) == f"GET https://api.example/v1/x {message}"
    assert waits == []


def test_all_pages_are_read() -> None:
    pages = (ok(list=[{"n": 1}], next_cursor="a"), ok(list=[{"n": 2}], next_cursor="b"), ok(list=[{"n": 3}]))
    with answering(*pages) as client:
        assert [row["n"] for row in client.rows("/x")] == [1, 2, 3]
