"""Access to the control API: the origin and the name of a request are checked with a token and without."""

from __future__ import annotations

import pytest

from autumn_mock.engine import Engine
from autumn_mock.web import create_app

TOKEN = {"x-autumn-mock-token": "secret"}
WRONG = {"x-autumn-mock-token": "other"}
ELSEWHERE = {"Host": "evil.example"}
PAGE = {"Origin": "http://evil.example"}

#: The token of the server, the headers of a request, and what it is answered with.
CASES: list[tuple[str | None, dict[str, str], int]] = [
    (None, {}, 200),
    (None, ELSEWHERE, 403),
    (None, PAGE, 403),
    (None, {**ELSEWHERE, **PAGE}, 403),
    (None, {"Sec-Fetch-Site": "cross-site"}, 403),
    ("secret", {}, 401),
    ("secret", WRONG, 401),
    ("secret", {"x-autumn-mock-token": ""}, 401),
    ("secret", ELSEWHERE, 403),
    ("secret", {**WRONG, **ELSEWHERE}, 403),
    ("secret", {**ELSEWHERE, **PAGE}, 403),
    ("secret", TOKEN, 200),
    ("secret", {**TOKEN, **ELSEWHERE}, 200),
    ("secret", {**TOKEN, **PAGE}, 403),
    ("secret", {**TOKEN, "Sec-Fetch-Site": "same-site"}, 403),
]


#: An address that other machines reach needs a token.
HOSTED_CASES = [("127.0.0.1", *case) for case in CASES] + [("0.0.0.0", *case) for case in CASES if case[0] is not None]


@pytest.mark.parametrize(
    ("headers", "text"),
    [({}, "wants its token in"), ({"x-autumn-mock-token": ""}, "wants its token in"), (WRONG, "not that of")],
)
def test_a_wrong_token_gets_another_message_than_none(headers: dict[str, str], text: str) -> None:
    client = create_app(Engine(world="empty", control_token="secret")).test_client()
    assert text in client.get("/_mock/clock", headers=headers).get_json()["message"]


@pytest.mark.parametrize(
    ("path", "without_token", "with_token"),
    [
        ("/_mock/health", 200, 200),
        ("/_mock/docs/tls", 200, 200),
        ("/v1/customers/nobody", 401, 401),  # as with any other host
        ("/_mock/", 403, 200),
        ("/checkout/none", 403, 404),
        ("/_mock/stats", 403, 403),
        ("/_mock/openapi.json", 403, 403),
    ],
)
def test_what_answers_to_any_host(path: str, without_token: int, with_token: int) -> None:
    for token, status in ((None, without_token), ("secret", with_token)):
        client = create_app(Engine(world="empty", control_token=token)).test_client()
        assert client.get(path, headers=ELSEWHERE).status_code == status


@pytest.mark.parametrize(("host", "token", "headers", "status"), HOSTED_CASES)
def test_access(host: str, token: str | None, headers: dict[str, str], status: int) -> None:
    client = create_app(Engine(world="empty", host=host, control_token=token)).test_client()
    assert client.get("/_mock/clock", headers=headers).status_code == status
