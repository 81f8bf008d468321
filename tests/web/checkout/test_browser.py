"""The payment pages in a browser: they work without scripts, with a keyboard, on a phone, and are accessible."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import TIMEOUT_MS, save_screenshot
from tests.support.client import Client
from tests.support.node import Node
from tests.support.server import ServerProcess

from .conftest import KEY, WORLD

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with a token, which a browser that pays does not have."""
    path = tmp_path_factory.mktemp("shop") / "world.json"
    path.write_text(json.dumps(WORLD), "utf-8")
    with ServerProcess("--world", str(path), key=KEY) as server:
        yield server


@pytest.fixture
def server(running: ServerProcess) -> ServerProcess:
    running.ask("/_mock/reset", {}, None)
    return running


@contextmanager
def opened(browser: Browser, *, width: int = 1280, theme: str = "light", scripts: bool = False) -> Iterator[Page]:
    """A page that may not write errors."""
    found: list[str] = []
    context = browser.new_context(
        viewport={"width": width, "height": 844 if width < 600 else 900},
        color_scheme="dark" if theme == "dark" else "light",
        java_script_enabled=scripts,
        bypass_csp=scripts,
    )
    context.set_default_timeout(TIMEOUT_MS)
    page = context.new_page()
    page.on("console", lambda message: found.append(message.text) if message.type in ("error", "warning") else None)
    yield page
    context.close()
    assert not found, found


def attach(server: Client, customer: str, plan: str, **more: object) -> str:
    """Buy a plan; where it is paid."""
    return str(server.ask("/v1/billing.attach", {"customer_id": customer, "plan_id": plan, **more})["payment_url"])


def packs(server: Client) -> str:
    quantity = {"feature_id": "messages", "quantity": 300, "adjustable": True}
    return attach(server, "ada", "packs", feature_quantities=[quantity], success_url=f"{server.url}/_mock/?bought")


def portal(server: Client, customer: str = "eve") -> str:
    return str(server.ask("/v1/billing.open_customer_portal", {"customer_id": customer})["url"])


def test_checkout_is_paid_without_scripts(chrome: Browser, server: ServerProcess) -> None:
    with opened(chrome, width=390) as page:
        page.goto(packs(server))
        page.get_by_label("Messages").fill("500")
        page.get_by_role("button", name="Update total").click()
        page.get_by_role("button", name="Decline").click()
        expect(page.get_by_role("alert")).to_contain_text("Your card was declined.")
        page.get_by_role("button", name="3-D Secure").click()
        page.get_by_role("button", name="Fail authentication").click()
        expect(page.get_by_role("alert")).to_contain_text("3-D Secure authentication failed. The card was not charged.")
        page.get_by_role("button", name="Abandon").click()
        page.get_by_role("link", name="Back to the checkout").click()
        page.get_by_role("button", name="Pay").click()
        expect(page).to_have_url(f"{server.url}/_mock/?bought")
    assert server.balance("ada") == 300  # the page was opened anew


def test_checkout_redirects_to_a_shop_of_another_origin(chrome: Browser, server: ServerProcess) -> None:
    elsewhere = server.url.replace("127.0.0.1", "localhost")
    with opened(chrome) as page:
        page.goto(attach(server, "ada", "pro", success_url=f"{elsewhere}/_mock/?thanks"))
        page.get_by_role("button", name="Pay").click()
        expect(page).to_have_url(f"{elsewhere}/_mock/?thanks")


def test_checkout_is_used_with_the_keyboard(chrome: Browser, server: ServerProcess) -> None:
    with opened(chrome) as page:
        page.goto(packs(server))
        names = []
        for _ in range(7):
            page.keyboard.press("Tab")
            names.append(page.evaluate("document.activeElement.value || document.activeElement.textContent.trim()"))
        assert names == ["300", "update", "later", "pay", "decline", "challenge", "abandon"]
        page.get_by_label("Messages").focus()
        page.keyboard.type("4")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Pay")).to_be_visible()  # Enter in a field does not pay
    assert server.get("/_mock/checkouts").body["list"][0]["status"] == "open"


def test_invoice_and_portal_are_used_without_scripts(chrome: Browser, server: ServerProcess) -> None:
    with opened(chrome) as page:
        page.goto(attach(server, "bob", "pro"))
        page.get_by_role("button", name="Pay").click()
        expect(page.get_by_role("status")).to_contain_text("Paid.")
        page.goto(portal(server, "bob"))
        page.get_by_role("button", name="Cancel Pro").click()
        expect(page.get_by_role("button", name="Keep Pro")).to_be_visible()
        page.get_by_label("Card").select_option("declines")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("it is declined")).to_be_visible()
        page.get_by_role("listitem").get_by_role("link").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Invoice")


def states(server: Client) -> dict[str, str]:
    """A page in each of its states."""
    server.ask("/v1/billing.attach", {"customer_id": "eve", "plan_id": "pro"})
    later = attach(server, "ada", "pro")
    server.ask(f"/_mock/checkouts/{later.rsplit('/', 1)[1]}", {"action": "pay", "settle": "later"})
    found = {"later": later, "portal": portal(server), "invoice": attach(server, "bob", "pro")}
    server.ask("/v1/customers.get_or_create", {"customer_id": "dan", "name": "Dan"})
    quantity = {"feature_id": "messages", "quantity": 300, "adjustable": True}
    found["checkout"] = attach(server, "dan", "packs", feature_quantities=[quantity])
    return found


@pytest.mark.node
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_pages_are_accessible_and_fit(
    chrome: Browser, server: ServerProcess, node: Node, width: int, theme: str
) -> None:
    axe = Path(node.packages, "node_modules/axe-core/axe.min.js").read_text("utf-8")
    for name, url in states(server).items():
        with opened(chrome, width=width, theme=theme, scripts=True) as page:
            page.goto(url)
            page.add_script_tag(content=axe)
            found = page.evaluate("axe.run().then(r => r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html)))")
            assert found == [], name
            assert page.evaluate("document.documentElement.scrollWidth") <= width, name
            save_screenshot(page, f"checkout-{name}-{width}-{theme}")
