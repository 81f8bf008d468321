"""``--public-url``: links lead there, and its pages are the server's own, whatever name a proxy sends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from autumn_mock import create_app
from autumn_mock.engine import Engine
from autumn_mock.web.guard import ExposedWithoutToken

from .conftest import KEY, Shop

PUBLIC = "https://billing.example.test"
TOKEN = {"x-autumn-mock-token": "secret"}
#: What proxies send besides; none of it is read.
FORWARDED = {"x_forwarded_proto": "https", "x_forwarded_host": "other.example", "forwarded": "host=other.example"}


@pytest.fixture
def shop(world: Path) -> Iterator[Shop]:
    with Engine(world=str(world), public_url=f"{PUBLIC}/", control_token="secret") as engine:
        yield Shop(create_app(engine), KEY)


def test_links_lead_to_the_public_url(shop: Shop) -> None:
    bought = {"customer_id": "ada", "plan_id": "pro"}
    reply = shop.post("/v1/billing.attach", bought, **FORWARDED)
    assert reply.body["payment_url"].startswith(f"{PUBLIC}/checkout/")
    portal = shop.ask("/v1/billing.open_customer_portal", {"customer_id": "ada"})
    assert portal["url"].startswith(f"{PUBLIC}/portal/")
    shop.ask("/v1/billing.attach", {"customer_id": "eve", "plan_id": "pro"})
    (invoice,) = shop.ask("/v1/invoices.list", {"customer_id": "eve"})["list"]
    assert invoice["hosted_invoice_url"].startswith(f"{PUBLIC}/invoice/")
    for path in ("/_mock/checkouts", "/_mock/invoices"):
        rows = shop.request("GET", path, None, TOKEN).body["list"]
        assert rows
        assert all(each["url"].startswith(PUBLIC) for each in rows)
    assert f"AUTUMN_MOCK_URL={PUBLIC}" in shop.request("GET", "/_mock/quickstart", None, TOKEN).body
    assert shop.request("GET", "/_mock/openapi.json", None, TOKEN).body["servers"] == [{"url": PUBLIC}]


def test_headers_of_proxies_change_nothing_without_it(world: Path) -> None:
    with Engine(world=str(world)) as engine:
        shop = Shop(create_app(engine), KEY)
        reply = shop.post("/v1/billing.attach", {"customer_id": "ada", "plan_id": "pro"}, **FORWARDED)
    assert reply.body["payment_url"].startswith("http://localhost/checkout/")


@pytest.mark.parametrize("host", ["billing.example.test", "127.0.0.1:2886"])
def test_its_pages_may_change_things_behind_a_proxy(shop: Shop, host: str) -> None:
    page = shop.buy()
    headers = {"Host": host, "Content-Type": "application/x-www-form-urlencoded"}
    other = shop.send("POST", page, b"action=pay", {**headers, "Origin": "https://evil.example"})
    assert other[0] == 403
    own = shop.send("POST", page, b"action=pay", {**headers, "Origin": PUBLIC, "Sec-Fetch-Site": "same-origin"})
    assert (own[0], shop.plans()) == (303, ["pro"])
    calls = {**TOKEN, "Host": host, "Origin": PUBLIC}
    assert shop.request("POST", "/_mock/reset", {}, {**calls, "Content-Type": "application/json"}).status == 200
    assert shop.request("GET", "/_mock/stats", None, {"Host": host}).body["code"] == "no_control_token"


@pytest.mark.parametrize("url", [PUBLIC, "http://10.1.2.3"])
def test_it_needs_a_token_if_others_reach_it(url: str) -> None:
    with Engine(public_url=url) as engine, pytest.raises(ExposedWithoutToken, match=f"--public-url {url} lets other"):
        create_app(engine)


@pytest.mark.parametrize("url", ["https://localhost:8443", "https://billing.localhost", "https://127.0.0.1"])
def test_it_needs_no_token_on_this_machine(url: str) -> None:
    with Engine(public_url=url) as engine:
        assert create_app(engine).test_client().get("/_mock/stats").status_code == 200


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("https://Billing.Example.test:443/", PUBLIC),
        ("http://billing.example.test:8080", "http://billing.example.test:8080"),
        ("http://[::1]:80", "http://[::1]"),
    ],
)
def test_it_is_read_as_browsers_write_an_origin(given: str, read: str) -> None:
    with Engine(public_url=given) as engine:
        assert engine.settings.public_url == read


@pytest.mark.parametrize(
    "given",
    [
        "billing.example.test",
        "ftp://billing.example.test",
        f"{PUBLIC}/path",
        f"{PUBLIC}?a",
        f"{PUBLIC}#a",
        "https://a:b@billing.example.test",
    ],
)
def test_it_must_be_a_scheme_and_a_host(given: str) -> None:
    with pytest.raises(ValueError, match=r"public_url=.*must be a"):
        Engine(public_url=given)
