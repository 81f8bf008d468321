"""The page: what is sent without a token, and what it may load."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from autumn_mock import create_app
from autumn_mock.engine import Engine
from autumn_mock.web import page
from tests.support.client import DEFAULT_KEY, AppClient

FOLDER = Path(page.__file__).parent
STATIC = sorted((FOLDER / "static").iterdir())
TOKEN = "secret"  # of these tests
MOST_BYTES = 150_000


@pytest.fixture(scope="module")
def client() -> AppClient:
    return AppClient(create_app(Engine()))


@pytest.fixture(scope="module")
def guarded() -> AppClient:
    return AppClient(create_app(Engine(control_token=TOKEN)))


def test_page_forbids_inline_code_and_other_hosts(client: AppClient) -> None:
    status, headers, text = client.request("GET", "/_mock/")
    assert status == 200
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'")
    assert "unsafe" not in policy
    assert re.findall(r"<script(?![^>]* src=)|<style| style=| on\w+=|https?://(?!127\.0\.0\.1:3999)", text) == []


def test_address_without_a_slash_is_redirected(client: AppClient) -> None:
    status, headers, _ = client.request("GET", "/_mock")
    assert (status, headers["location"]) == (308, "/_mock/")


@pytest.mark.parametrize("file", STATIC, ids=lambda file: file.name)
def test_file_is_sent_with_the_policy_and_names_no_other_host(client: AppClient, file: Path) -> None:
    status, headers, text = client.request("GET", f"/_mock/page/{file.name}")
    assert status == 200
    assert "content-security-policy" in headers
    hosts = set(re.findall(r"https?://[^/\s\"'`$]+", text))
    assert hosts <= {"http://www.w3.org"}  # the name of SVG, which nothing asks for
    assert "innerHTML" not in text  # data is never read as markup


def test_page_is_small() -> None:
    files = [*STATIC, *(FOLDER / "templates").iterdir()]
    assert sum(file.stat().st_size for file in files) < MOST_BYTES


@pytest.mark.parametrize("path", ["/_mock/", "/_mock/page/main.js"])
def test_page_is_sent_without_the_token_and_has_no_data(guarded: AppClient, path: str) -> None:
    status, _, text = guarded.request("GET", path)
    assert status == 200
    assert DEFAULT_KEY not in text
    assert "cus_alice" not in text


@pytest.mark.parametrize("path", ["/_mock/environments", "/_mock/live", "/_mock/scenarios", "/_mock/customers"])
def test_data_needs_the_token_and_the_own_origin(guarded: AppClient, path: str) -> None:
    assert guarded.request("GET", path).status == 401
    token = {"x-autumn-mock-token": TOKEN}
    assert guarded.request("GET", path, headers={**token, "Sec-Fetch-Site": "cross-site"}).status == 403
    assert guarded.request("GET", path, headers={**token, "Origin": "http://elsewhere.example"}).status == 403
    assert guarded.request("GET", path, headers=token).status in (200, 400)


def test_page_answers_no_other_host_without_a_token(client: AppClient, guarded: AppClient) -> None:
    headers = {"Host": "elsewhere.example"}
    assert client.request("GET", "/_mock/", headers=headers).status == 403
    assert client.request("GET", "/_mock/live", headers=headers).status == 403
    assert guarded.request("GET", "/_mock/", headers=headers).status == 200


def test_environment_hides_a_part_of_short_keys() -> None:
    key = "am_sk_test_brie"
    with Engine(auto_org=True) as engine:
        client = AppClient(create_app(engine))
        for each in (key, f"{key}fly"):
            assert client.post("/v1/plans.list", {}, each).status == 200
        *_, short, longer = client.request("GET", "/_mock/environments").body["list"]
        assert (short["key"], short["hint"], short["number"] + 1) == (None, "am_sk_test_br**", longer["number"])
        assert (longer["key"], longer["hint"]) == (None, "am_sk_test_bri****")


def test_environments_have_the_keys_that_are_known(client: AppClient) -> None:
    rows = client.request("GET", "/_mock/environments").body["list"]
    assert [(each["slug"], each["env"], each["key"]) for each in rows] == [
        ("autumn-mock", "sandbox", DEFAULT_KEY),
        ("autumn-mock", "live", "am_sk_live_autumn_mock"),
    ]
    assert [(each["customer"], each["feature"]) for each in rows] == [("cus_123", "messages"), (None, "messages")]
