"""The payment pages as a browser without scripts uses them: what they show, what their forms do, who may send them."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlencode

import pytest

from autumn_mock import create_app
from autumn_mock.engine import Engine
from autumn_mock.operations.subjects import get_customer
from tests.support.client import Reply

from .conftest import KEY, Shop

BACK = "http://127.0.0.1:3000/thanks?order=1"
FORM = {"content-type": "application/x-www-form-urlencoded", "host": "127.0.0.1:4000"}


def send(shop: Shop, path: str, **fields: str) -> Reply:
    """Send a form, as a browser does."""
    headers = {**FORM, "origin": "http://127.0.0.1:4000", "sec-fetch-site": "same-origin"}
    return shop.request("POST", path, urlencode(fields).encode(), headers)


def read(shop: Shop, path: str) -> str:
    status, _, text = shop.request("GET", path, None, {"host": "127.0.0.1:4000"})
    assert status == 200, text
    return str(text)


def portal(engine: Engine, customer: str = "ada") -> str:
    return f"/portal/{get_customer(engine.state.environment('org_shop', 'sandbox'), customer).internal_id}"


class _Names(HTMLParser):
    """The names of everything on a page that acts or is loaded."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


# -- a checkout


def test_checkout_shows_what_is_due_today_and_then(shop: Shop) -> None:
    text = read(shop, shop.packs())
    assert "Acme &lt;Maps&gt;" in text
    assert "$50.00 <small>due today</small>" in text
    assert re.search(r"Then \$50\.00 on \d\d \w{3} \d{4}", text)
    assert "For Ada Example" in text
    assert re.search(r"Packs - 300 Messages .*\$30\.00", text)


def test_paid_checkout_says_so_and_links_to_the_invoice_and_the_portal(shop: Shop) -> None:
    page = shop.buy()
    assert "due today" in read(shop, page)
    send(shop, page, action="pay")
    text = read(shop, page)
    assert re.search(r"\$\d+\.\d\d <small class=\"state paid\">paid</small>", text)
    assert "due today" not in text.lower()
    invoice, portal = re.findall(r'class="button" href="([^"]+)"', text)
    assert "Paid." in read(shop, invoice)
    assert "Plans and billing" in read(shop, portal)


@pytest.mark.parametrize("path", ["checkout", "invoice"])
def test_failed_authentication_is_not_called_a_declined_card(shop: Shop, path: str) -> None:
    page = shop.buy() if path == "checkout" else shop.buy("bob")
    reply = str(send(shop, page, action="fail_3ds").body)
    assert "3-D Secure authentication failed. The card was not charged." in reply
    assert "declined" not in reply


def test_checkout_pays_and_returns_to_the_shop(shop: Shop) -> None:
    page = shop.buy(success_url=BACK)
    assert shop.plans() == []
    reply = send(shop, page, action="pay")
    assert (reply.status, reply.headers["location"]) == (303, BACK)
    assert shop.plans() == ["pro"]
    assert "Paid." in read(shop, page)


@pytest.mark.parametrize("address", ["javascript:alert(1)", "not an address", "//evil.example"])
def test_checkout_returns_to_no_other_kind_of_address(shop: Shop, address: str) -> None:
    page = shop.buy(success_url=address)
    reply = send(shop, page, action="pay")
    assert (reply.status, reply.headers["location"]) == (303, page)


def test_checkout_without_a_way_back_stays(shop: Shop) -> None:
    page = shop.buy()
    assert send(shop, page, action="pay").headers["location"] == page


def test_checkout_declines_and_stays_open(shop: Shop) -> None:
    page = shop.buy()
    reply = send(shop, page, action="decline")
    assert (reply.status, "Your card was declined." in str(reply.body)) == (200, True)
    assert shop.plans() == []
    assert send(shop, page, action="pay").status == 303
    assert shop.plans() == ["pro"]


def test_checkout_asks_for_3d_secure_first(shop: Shop) -> None:
    page = shop.packs()
    reply = send(shop, page, action="challenge", settle="later", **{"quantity:messages": "500"})
    assert "Complete authentication" in str(reply.body)
    assert shop.plans() == []
    hidden = {each["name"]: each["value"] for tag, each in _Names(str(reply.body)).found if tag == "input"}
    assert hidden == {"quantity:messages": "500", "settle": "later"}
    send(shop, page, action="3ds", **{"quantity:messages": "500"})
    assert shop.get("/_mock/customers/ada").body["payment_method"] == "needs_3ds"
    assert shop.balance("ada") == 500


def test_checkout_abandoned_stays_open(shop: Shop) -> None:
    page = shop.buy()
    assert f'href="{page}"' in str(send(shop, page, action="abandon").body)
    assert "Pay $20.00" in read(shop, page)


def test_checkout_changes_quantities(shop: Shop) -> None:
    page = shop.packs()
    updated = str(send(shop, page, action="update", **{"quantity:messages": "500"}).body)
    assert "Pay $70.00" in updated
    assert 'value="500"' in updated
    send(shop, page, action="pay", **{"quantity:messages": "500"})
    assert shop.balance("ada") == 500
    assert shop.get("/_mock/invoices").body["list"][0]["total"] == 70


@pytest.mark.parametrize("quantity", ["-1", "1.5", "many", "²", "1" + "0" * 12 + "1", "9" * 5000])
def test_checkout_refuses_an_invalid_quantity(shop: Shop, quantity: str) -> None:
    reply = send(shop, shop.packs(), action="pay", **{"quantity:messages": quantity})
    assert (reply.status, "must be a whole number" in str(reply.body)) == (400, True)


def test_checkout_is_settled_later(shop: Shop) -> None:
    page = shop.buy(success_url=BACK)
    assert send(shop, page, action="pay", settle="later").headers["location"] == BACK
    assert shop.plans() == []
    assert "does not know of it yet" in read(shop, page)
    again = shop.post("/v1/billing.attach", {"customer_id": "ada", "plan_id": "pro"})
    assert (again.status, again.body["code"]) == (423, "lock_already_exists")
    send(shop, page, action="settle")
    assert shop.plans() == ["pro"]


def test_checkout_meets_the_faults_of_payments(shop: Shop) -> None:
    shop.ask("/_mock/faults", {"rule": "payment:decline plan=pro reason=insufficient_funds times=1"})
    shop.ask("/_mock/faults", {"rule": "payment:late 30s"})
    page = shop.buy()
    assert "insufficient funds" in str(send(shop, page, action="pay").body)
    send(shop, page, action="pay")
    assert shop.plans() == []
    assert "it will on" in read(shop, page)
    shop.advance("30s")
    assert shop.plans() == ["pro"]


def test_checkout_expires(shop: Shop) -> None:
    page = shop.buy()
    shop.advance("25h")
    assert "This checkout is over" in read(shop, page)
    assert send(shop, page, action="pay").status == 400


@pytest.mark.parametrize("customer", ["ada", "bob"])
def test_tabs_that_pay_at_once_pay_once(shop: Shop, customer: str) -> None:
    """Of a session, and of an invoice: one tab pays, the others and the back button are shown that it is paid."""
    page = shop.buy(customer)
    with ThreadPoolExecutor(4) as tabs:
        replies = list(tabs.map(lambda _: send(shop, page, action="pay"), range(4)))
    replies.append(send(shop, page, action="pay"))
    assert sorted(each.status for each in replies) == [303, 400, 400, 400, 400]
    assert all("Paid." in str(each.body) for each in replies if each.status == 400)
    if customer == "ada":
        assert "Paid." in str(send(shop, page, action="challenge").body)
    assert [each["status"] for each in shop.get(f"/_mock/invoices?customer={customer}").body["list"]] == ["paid"]


@pytest.mark.parametrize("path", ["/checkout/co_x", "/invoice/in_x", "/portal/x"])
def test_unknown_pages_are_not_found(shop: Shop, path: str) -> None:
    for reply in (shop.get(path), send(shop, path, action="pay")):
        assert (reply.status, "not found" in str(reply.body)) == (404, True)
        assert reply.headers["content-type"].startswith("text/html")


def test_unknown_actions_are_refused(shop: Shop, engine: Engine) -> None:
    for page in (shop.buy(), shop.buy("bob"), portal(engine)):
        assert send(shop, page, action="steal").status == 400


# -- an invoice


def test_invoice_is_paid(shop: Shop) -> None:
    page = shop.buy("bob")
    assert page.startswith("/invoice/")
    assert "Pay $20.00" in read(shop, page)
    assert "Your card was declined." in str(send(shop, page, action="decline").body)
    assert "Complete authentication" in str(send(shop, page, action="challenge").body)
    assert shop.plans("bob") == []
    assert send(shop, page, action="pay").headers["location"] == page
    assert shop.plans("bob") == ["pro"]
    assert "Paid." in read(shop, page)
    assert send(shop, page, action="pay").status == 400


def test_invoice_is_settled_later(shop: Shop) -> None:
    page = shop.buy("bob")
    send(shop, page, action="pay", settle="later")
    assert shop.plans("bob") == []
    assert send(shop, page, action="pay").status == 400
    shop.advance("1h")  # the change would not have waited this long for a payment
    assert shop.plans("bob") == []
    send(shop, page, action="settle")
    assert shop.plans("bob") == ["pro"]


def test_invoice_is_paid_late_by_a_fault(shop: Shop) -> None:
    shop.ask("/_mock/faults", {"rule": "payment:late 2h customer=bob"})
    page = shop.buy("bob")
    send(shop, page, action="pay")
    assert "it will on" in read(shop, page)
    shop.advance("1h")
    assert shop.plans("bob") == []
    shop.advance("1h")
    assert shop.plans("bob") == ["pro"]


# -- the portal


def test_portal_shows_and_cancels_plans(shop: Shop, engine: Engine) -> None:
    shop.ask("/v1/billing.attach", {"customer_id": "eve", "plan_id": "pro"})
    page = portal(engine, "eve")
    text = read(shop, f"{page}?return_url={BACK}")
    assert "Visa ending in 4242" in text
    assert "$20.00" in text
    assert 'href="http://127.0.0.1:3000/thanks?order=1"' in text
    (plan,) = [each["value"] for tag, each in _Names(text).found if each.get("name") == "plan"]
    send(shop, page, action="cancel_end_of_cycle", plan=str(plan))
    (shown,) = shop.ask("/v1/customers.get", {"customer_id": "eve"})["subscriptions"]
    assert shown["canceled_at"] is not None
    assert "Keep Pro" in read(shop, page)
    send(shop, page, action="uncancel", plan=str(plan))
    assert "Cancel Pro" in read(shop, page)


def test_portal_changes_the_payment_method(shop: Shop, engine: Engine) -> None:
    page = portal(engine)
    for method in ("ok", "declines", "needs_3ds", "none"):
        assert send(shop, page, action="payment_method", payment_method=method).status == 303
        assert shop.get("/_mock/customers/ada").body["payment_method"] == method
    assert send(shop, page, action="payment_method", payment_method="gold").status == 400


def test_portal_leads_to_no_other_kind_of_address(shop: Shop, engine: Engine) -> None:
    assert "javascript:" not in read(shop, f"{portal(engine)}?return_url=javascript:alert(1)")


# -- who may send forms

ELSEWHERE = [
    {"origin": "http://evil.example"},
    {"origin": "null"},
    {"origin": "http://127.0.0.1:4001"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"host": "evil.example"},
    {"host": "evil.example", "origin": "http://evil.example", "sec-fetch-site": "same-origin"},
]


@pytest.mark.parametrize("headers", ELSEWHERE)
def test_forms_of_other_origins_are_refused(shop: Shop, engine: Engine, headers: dict[str, str]) -> None:
    for page in (shop.buy(), shop.buy("bob"), portal(engine)):
        reply = shop.request("POST", page, b"action=pay", {**FORM, **headers})
        assert reply.status == 403, reply
    assert shop.plans() == shop.plans("bob") == []


def test_pages_need_no_token_but_a_form_of_their_own(world: Path) -> None:
    with Engine(world=str(world), host="0.0.0.0", control_token="secret") as engine:  # it is not listening
        shop = Shop(create_app(engine), KEY)
        page = shop.buy()
        assert "Pay $20.00" in read(shop, page)
        strange = {**FORM, "origin": "http://evil.example"}
        assert shop.request("POST", page, b"action=pay", strange).status == 403
        assert send(shop, page, action="pay").status == 303


def test_other_sites_may_lead_to_a_page(shop: Shop) -> None:
    headers = {"host": "127.0.0.1:4000", "sec-fetch-site": "cross-site"}
    assert shop.request("GET", shop.buy(), None, headers).status == 200


def test_pages_have_no_scripts_and_load_nothing_from_elsewhere(shop: Shop, engine: Engine) -> None:
    pages = [shop.buy(), shop.buy("bob"), portal(engine), "/checkout/co_x"]
    for page in pages:
        reply = shop.request("GET", page, None, {"host": "127.0.0.1:4000"})
        policy = reply.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert "frame-ancestors 'none'" in policy
        assert reply.headers["referrer-policy"] == "same-origin"
        names = _Names(str(reply.body)).found
        assert not [tag for tag, _ in names if tag in ("script", "iframe", "img", "style")]
        assert not [each for _, each in names if any(name.startswith("on") or name == "style" for name in each)]
        loaded = [str(each["href"]) for tag, each in names if tag == "link"]
        assert loaded == ["data:,", "/_mock/page/palette.css", "/checkout/static/checkout.css"]
    assert [shop.request("GET", each).status for each in loaded[1:]] == [200, 200]


# -- other sessions


def test_setup_saves_a_card(shop: Shop) -> None:
    url = shop.ask("/v1/billing.setup_payment", {"customer_id": "ada", "success_url": BACK})["url"]
    page = "/" + url.split("/", 3)[3]
    text = read(shop, page)
    assert "Save a payment method" in text
    assert "due today" not in text
    assert send(shop, page, action="pay").headers["location"] == BACK
    assert shop.get("/_mock/customers/ada").body["payment_method"] == "ok"
    assert "Saved." in read(shop, page)


def test_several_plans_are_bought_on_one_page(shop: Shop) -> None:
    plans = [{"plan_id": "pro"}, {"plan_id": "gold"}]
    shop.ask(
        "/v1/plans.create",
        {"plan_id": "gold", "name": "Gold", "group": "g", "price": {"amount": 5, "interval": "month"}},
    )
    url = shop.ask("/v1/billing.multi_attach", {"customer_id": "ada", "plans": plans})["payment_url"]
    page = "/" + url.split("/", 3)[3]
    text = read(shop, page)
    assert "<h1>Pro, Gold</h1>" in text
    assert "Pay $25.00" in text
    assert "Then $25.00" in text
    send(shop, page, action="pay")
    assert sorted(shop.plans()) == ["gold", "pro"]


def test_confirmed_change_says_when_the_card_is_declined(shop: Shop) -> None:
    page = shop.buy("eve", redirect_mode="always", success_url=BACK)
    send(shop, page, action="pay")
    units = [{"feature_id": "messages", "quantity": 300}]
    again = shop.buy("eve", "packs", redirect_mode="always", success_url=BACK, feature_quantities=units)
    assert "Confirm" in read(shop, again)
    shop.ask("/_mock/customers/eve/payment_method", {"payment_method": "declines"})
    assert send(shop, again, action="pay").headers["location"] == again
    assert "The plan was not changed: Your card was declined." in read(shop, again)
    assert shop.plans("eve") == ["pro"]
