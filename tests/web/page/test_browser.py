"""The page in a browser, on a real server, with the real SDK."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from autumn_sdk import Autumn
from autumn_sdk.models import RequestBody
from playwright.sync_api import Browser, Page, expect

from autumn_mock.clock import pause
from tests.support.browser import open_page, save_screenshot
from tests.support.client import BATCH, CHECK, Client
from tests.support.node import Node
from tests.support.server import ServerProcess
from tests.webhooks.receiver import Receiver

pytestmark = pytest.mark.browser

TOKEN = "secret"  # of these tests
#: Every view, and what is shown when all of it is.
VIEWS = {
    "overview": "#findings .finding",
    "customers/cus_123": "#customer-balances li",
    "requests": "#request-rows a",
    "faults": "#rule-options input",
    "scenarios/retry-after-202": "#scenario-all:enabled",
    "server": "#clock-now",
}
#: Seconds in which a change is visible: 0.3 on an idle machine, and far more is allowed on a busy one.
VISIBLE_S = 3

expect.set_options(timeout=15_000)


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    """A server of these tests alone: the page shows its first organisation."""
    with ServerProcess() as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh(server: ServerProcess) -> None:
    server.post("/_mock/reset", {}, None)


@pytest.fixture
def sdk(server: ServerProcess) -> Iterator[Autumn]:
    with Autumn(secret_key=server.key, server_url=server.url) as autumn:
        yield autumn


def batch(sdk: Autumn, *values: int) -> None:
    items = [RequestBody(customer_id="cus_123", feature_id="messages", value=each) for each in values]
    sdk.batch_track(request=items)


def count(page: Page, stage: str) -> Any:
    return page.locator(f".stage.{stage} .count")


def balance(page: Page) -> Any:
    return page.locator("#customer-balances [data-key=messages] .amount")


def test_pipe_and_balance_move_with_the_sdk(chrome: Browser, server: ServerProcess, sdk: Autumn) -> None:
    with open_page(chrome, server.url) as page:
        batch(sdk, 3, 4, 5)
        for stage, items in {"offered": "3", "accepted": "3", "ready": "0", "deducted": "3", "lost": "0"}.items():
            expect(count(page, stage)).to_have_text(items)
        page.get_by_role("link", name="Customers").click()
        page.get_by_role("button", name=re.compile("Ada Example")).click()
        expect(balance(page)).to_have_text("1,088 of 1,100 left")
        started = time.monotonic()
        sdk.track(customer_id="cus_123", feature_id="messages", value=8)
        expect(balance(page)).to_have_text("1,080 of 1,100 left")
        assert time.monotonic() - started < VISIBLE_S


def test_outage_and_down_are_the_rules_of_the_command(chrome: Browser, server: ServerProcess) -> None:
    items = [{"customer_id": "cus_123", "feature_id": "messages"}] * 2
    with open_page(chrome, server.url, "faults") as page:
        outage = page.get_by_role("switch", name="Outage")
        outage.click()
        expect(outage).to_be_checked()
        expect(page.locator("#armed code")).to_have_text("queue:down")
        assert server.post(BATCH, items).status == 503
        assert server.post(CHECK, items[0]).status == 200
        assert server.stats()["refused"] == 2
        outage.click()
        expect(outage).not_to_be_checked()
        down = page.get_by_role("switch", name="Down")
        down.click()
        expect(down).to_be_checked()
        assert server.post(CHECK, items[0]).status == 503
        expect(page.locator("#armed td.number").first).not_to_have_text("0")
        down.click()
        expect(down).not_to_be_checked()
        assert server.post(BATCH, items).status == 202


def test_form_shows_the_rule_as_it_grows_and_arms_it(chrome: Browser, server: ServerProcess) -> None:
    with open_page(chrome, server.url, "faults", problems=False) as page:  # the browser logs the 400
        written = page.locator("#rule-written")
        expect(written).to_have_text("reply:status 502")
        page.get_by_label("Kind").select_option("enqueue:fail")
        page.locator("[data-option=items]").fill("3,7")
        page.get_by_text("When, how often, for whom").click()
        page.locator("[data-option=customer]").fill("cus 1")
        page.locator("[data-option=times]").fill("2")
        expect(written).to_have_text('enqueue:fail items=3,7 times=2 customer="cus 1"')
        page.get_by_role("button", name="Arm", exact=True).click()
        expect(page.locator("#armed code")).to_have_text('enqueue:fail items=3,7 times=2 customer="cus 1"')
        page.locator("[data-option=times]").fill("often")
        page.get_by_role("button", name="Arm", exact=True).click()
        expect(page.locator("#rule-error")).to_contain_text("times")
        page.get_by_role("button", name="Clear all").click()
        expect(page.locator("#armed-empty")).to_be_visible()


def test_request_is_shown_whole_and_sent_again(chrome: Browser, server: ServerProcess, sdk: Autumn) -> None:
    batch(sdk, 3, 4)
    server.drain()
    with open_page(chrome, server.url, "requests") as page:
        page.get_by_role("link", name=re.compile("batch_track")).click()
        shown = page.locator("#request-body")
        expect(shown.get_by_text("deducted")).to_have_count(2)
        expect(shown.locator("pre").first).to_contain_text('"value": 4')
        page.get_by_role("button", name="Copy as curl").click()
        command = page.evaluate("navigator.clipboard.readText()")
        assert command.startswith(f"curl -X POST '{server.url}/v1/balances.batch_track'")
        assert server.key in command
        page.get_by_role("button", name="Send again").click()
        expect(page.locator("#request-rows tr")).to_have_count(2)
        server.drain()
        assert server.balance("cus_123") == 1086


def test_failed_request_shows_why_with_headers_bodies_and_effects(chrome: Browser, server: ServerProcess) -> None:
    server.post("/v1/balances.check", {"customer_id": "cus_123", "feature_id": "mesages"}, x_request_id="test-7")
    server.post("/v1/balances.track", {"customer_id": "cus_123", "feature_id": "messages", "value": 3})
    with open_page(chrome, server.url, "requests") as page:
        page.get_by_label("failed only").check()
        expect(page.locator("#request-rows tr")).to_have_count(1)
        page.get_by_role("link", name=re.compile("balances.check")).click()
        shown = page.locator("#request-body")
        expect(shown.locator(".message")).to_have_text("Feature mesages not found")
        expect(shown.locator("dl")).to_contain_text("test-7")
        expect(shown.locator("summary").filter(has_text="Request body")).to_have_text(re.compile(r"\(\d+ bytes\)"))
        expect(shown.locator("pre").nth(1)).to_contain_text("feature_not_found")
        shown.get_by_text("Request headers").click()
        expect(shown.locator("pre").nth(2)).to_contain_text("am_sk_test_")
        expect(shown).not_to_contain_text(server.key)
        page.get_by_label("failed only").uncheck()
        page.get_by_role("link", name=re.compile("balances.track")).click()
        deductions = shown.locator("details[data-name=Deductions]")
        expect(deductions.locator("tbody tr")).to_have_text(["3messagesfree"])


def test_finding_links_all_of_its_requests(chrome: Browser, server: ServerProcess) -> None:
    for _ in range(2):
        server.post("/v1/balances.batch_track", BATCH)
    with open_page(chrome, server.url) as page:
        links = page.locator("#findings .finding .requests a")
        expect(links).to_have_count(2)
        first = links.first.inner_text()
        links.first.click()
        expect(page).to_have_url(re.compile(rf"#requests/{first}$"))


def test_customer_is_changed(chrome: Browser, server: ServerProcess) -> None:
    with open_page(chrome, server.url, "customers/cus_123") as page:
        page.get_by_role("button", name="Edit messages").click()
        page.get_by_label("New remaining messages").fill("500")
        page.get_by_role("button", name="Save").click()
        expect(balance(page)).to_have_text("500 of 1,100 left")
        page.locator("#attach").get_by_label("Plan").select_option("pro")
        page.get_by_role("button", name="Attach without payment").click()
        expect(page.locator("#customer-plans")).to_contain_text("pro")
        before = server.balance("cus_123")
        page.get_by_role("button", name="Send batch").click()
        expect(page.locator("#customer-events tr")).to_have_count(3)
        assert server.balance("cus_123") == before - 30
        page.get_by_label("Search customers").fill("alice")
        expect(page.locator("#customer-list li")).to_have_count(1)


def test_payments_of_a_customer_are_made(chrome: Browser, server: ServerProcess) -> None:
    server.ask("/v1/plans.create", {"plan_id": "paid", "name": "Paid", "price": {"amount": 20, "interval": "month"}})
    buy = {"customer_id": "cus_456", "plan_id": "paid"}
    url = server.ask("/v1/billing.attach", buy)["payment_url"]
    with open_page(chrome, server.url, "customers/cus_456") as page:
        rows = page.locator("#customer-payments li")
        expect(rows).to_have_count(1)
        expect(rows.get_by_role("link")).to_have_attribute("href", url)
        rows.get_by_role("button", name="Decline").click()
        expect(page.locator("#notices")).to_contain_text("Your card was declined.")
        rows.get_by_role("button", name="Pay").click()
        expect(rows).to_contain_text("paid · $20.00 · paid")
        expect(page.locator("#customer-plans")).to_contain_text("paid")
        method = page.get_by_label("Payment method")
        expect(method).to_have_value("ok")
        method.select_option("declines")
        expect(page.locator("#notices")).to_contain_text("Payment method changed")
    assert server.get("/_mock/customers/cus_456").body["payment_method"] == "declines"


def test_organisations_and_snippets_are_those_of_the_server(chrome: Browser, server: ServerProcess) -> None:
    with open_page(chrome, server.url) as page:
        expect(page.locator("#snippet")).to_contain_text(server.key)
        expect(page.locator("#environment option").first).to_have_text("Autumn Mock · sandbox")
    opened = server.organisation()
    with open_page(chrome, server.url) as page:
        last = page.locator("#environment option").last
        expect(last).to_have_text(re.compile(r"^org-\w+ · sandbox · no\. \d+ · " + opened.key[:15]))
    opened.request("DELETE", "/_mock/organisations", None, opened.headers())


def test_plan_is_bought_with_each_payment_method(chrome: Browser, server: ServerProcess) -> None:
    with open_page(chrome, server.url, "customers/cus_456") as page:
        buy = page.get_by_role("button", name="Buy")
        answer = page.locator("#attach-answer")
        page.locator("#attach").get_by_label("Plan").select_option("pro")
        buy.click()
        expect(answer).to_contain_text("the customer has to pay first")
        link = answer.get_by_role("link")
        expect(link).to_have_text("Open the payment page")
        expect(link).to_have_attribute("href", re.compile("/checkout/"))
        server.post("/_mock/customers/cus_456/payment_method", {"payment_method": "declines"})
        buy.click()
        expect(answer).to_contain_text("pro is not paid. Your card was declined.")
        expect(link).to_have_attribute("href", re.compile("/invoice/"))
        server.post("/_mock/customers/cus_456/payment_method", {"payment_method": "ok"})
        buy.click()
        expect(answer).to_contain_text("pro bought: 20 USD, paid.")
        expect(page.locator("#customer-plans")).to_contain_text("pro")


def test_double_deduction_is_played_to_its_end(chrome: Browser, server: ServerProcess) -> None:
    before = organisations(server)
    with open_page(chrome, server.url, "scenarios") as page:
        page.get_by_role("button", name="A retry after a 202").click()
        step = page.get_by_role("button", name="Next step")
        for played in range(1, 4):
            step.click()
            expect(page.locator("#scenario-progress")).to_have_text(f"step {played} of 4")
        step.click()
        expect(page.locator("#scenario-balances")).to_contain_text("1000 → 450 (-550)")
        end = page.locator("#scenario-end")
        expect(end).to_contain_text("Sent again after it was accepted · 250 messages")
        expect(end).to_contain_text("Never send a batch again after its 202")
        page.get_by_role("button", name="Start again").click()
        page.get_by_role("button", name="Play to the end").click()
        expect(end).to_contain_text("250 messages")
        expect(page.locator("#scenario-progress")).to_have_text("all 4 steps played")
        opened = organisations(server) - before
        assert opened
        page.goto("about:blank")  # as if the tab were closed
        for _ in range(100):
            if not organisations(server) & opened:
                break
            pause(0.05)
        assert not organisations(server) & opened


def organisations(server: ServerProcess) -> set[str]:
    return {each["slug"] for each in server.get("/_mock/organisations", None).body["list"]}


def test_charts_say_when_the_page_was_opened(chrome: Browser, server: ServerProcess) -> None:
    with open_page(chrome, server.url) as page:
        expect(page.locator("#chart-rates")).to_contain_text("page opened")


def test_clock_queue_and_reset(chrome: Browser, server: ServerProcess, sdk: Autumn) -> None:
    with open_page(chrome, server.url, "server") as page:
        page.get_by_role("button", name="+ 1 day").click()
        expect(page.locator("#clock-state")).to_have_text("24 h ahead of the server's time")
        page.get_by_role("button", name="Freeze").click()
        expect(page.locator("#clock-state")).to_have_text("frozen: no time passes")
        paused = page.get_by_role("switch", name="Workers paused")
        paused.click()
        expect(paused).to_be_checked()
        batch(sdk, 1, 2)
        expect(page.locator("#queue-waiting")).to_have_text("2")
        paused.click()
        expect(page.locator("#queue-waiting")).to_have_text("0")
        page.get_by_role("button", name="Reset", exact=True).click()
        page.get_by_role("button", name="Continue").click()
        expect(page.locator("#clock-state")).to_have_text("the server's time")
        assert server.stats()["offered"] == 0


def test_webhook_is_triggered_and_sent_again(chrome: Browser, server: ServerProcess) -> None:
    with Receiver() as receiver, open_page(chrome, server.url, "server") as page:
        page.get_by_label("Endpoint URL").fill(receiver.url)
        page.get_by_role("button", name="Add endpoint").click()
        expect(page.locator("#notices")).to_contain_text("Endpoint added")
        page.locator("#trigger").get_by_label("Customer").fill("cus_123")
        page.get_by_role("button", name="Trigger").click()
        row = page.locator("#deliveries tr")
        expect(row).to_contain_text("delivered")
        first = receiver.get()
        page.get_by_role("button", name=re.compile("Resend")).click()
        again = receiver.get()
        assert first.headers["svix-id"] == again.headers["svix-id"]
        assert again.verify()["data"]["customer_id"] == "cus_123"
        page.get_by_role("button", name="+ 1 month").click()
        expect(page.locator("#clock-state")).to_contain_text("days ahead")


def test_snapshot_is_saved_and_loaded(chrome: Browser, server: ServerProcess) -> None:
    with open_page(chrome, server.url, "server") as page:
        with page.expect_download() as download:
            page.get_by_role("button", name="Save").click()
        server.ask("/v1/customers.delete", {"customer_id": "cus_123"})
        page.locator("#snapshot-load").set_input_files(download.value.path())
        page.get_by_role("button", name="Continue").click()
        expect(page.locator("#notices")).to_contain_text("Loaded")
        assert server.balance("cus_123") == 1100


def test_theme_is_switched_and_kept(chrome: Browser, server: ServerProcess) -> None:
    with open_page(chrome, server.url) as page:
        background = "getComputedStyle(document.body).backgroundColor"
        light = page.evaluate(background)
        switch = page.get_by_role("button", name="Dark")
        switch.click()
        expect(switch).to_have_attribute("aria-pressed", "true")
        assert page.evaluate(background) != light
        page.reload()
        expect(switch).to_have_attribute("aria-pressed", "true")
    with open_page(chrome, server.url, theme="dark") as page:
        expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")


def test_hidden_tab_closes_its_stream(chrome: Browser, server: ServerProcess) -> None:
    with open_page(chrome, server.url) as page:
        hide = """isHidden => {
            Object.defineProperty(document, "hidden", {value: isHidden, configurable: true});
            document.dispatchEvent(new Event("visibilitychange"));
        }"""
        with page.expect_event("requestfailed", lambda request: request.url.endswith("/live")):
            page.evaluate(hide, True)
        with page.expect_request("**/_mock/live"):
            page.evaluate(hide, False)


def test_page_connects_again_after_a_restart(chrome: Browser) -> None:
    with ServerProcess() as first:
        port = first.url.rpartition(":")[2]
        with open_page(chrome, first.url, problems=False) as page:
            first.stop()
            expect(page.locator("#connection")).to_have_attribute("data-state", "lost")
            with ServerProcess("--port", port) as second:
                expect(page.locator("#connection")).to_have_attribute("data-state", "live")
                Client(second.url).ask("/v1/balances.track", {"customer_id": "cus_123", "feature_id": "messages"})


def test_token_is_asked_for_once_and_kept_for_the_session(chrome: Browser) -> None:
    with (
        ServerProcess("--control-token", TOKEN) as server,
        open_page(chrome, server.url, "customers", token=TOKEN, problems=False) as page,
    ):
        expect(page.locator("#token-error")).to_have_text("")
        expect(page.locator("#customer-list li")).to_have_count(5)
        assert page.evaluate("[localStorage.length, sessionStorage.getItem('autumn-mock-token')]") == [0, TOKEN]
        assert page.context.cookies() == []
        page.reload()
        expect(page.locator("#connection")).to_have_attribute("data-state", "live")
        expect(page.locator("#token")).to_be_hidden()
        page.evaluate("sessionStorage.setItem('autumn-mock-token', 'wrong')")
        page.reload()
        expect(page.get_by_role("alert")).to_have_text("That is not the token of this server.")


# -- keyboard, screen reader, sizes


def press_until(page: Page, selector: str, key: str = "Tab") -> None:
    """Press Tab until an element has the focus."""
    for _ in range(120):
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
        page.keyboard.press(key)
    raise AssertionError(f"{selector} is not reached with {key}")


def test_everything_is_done_by_keyboard(chrome: Browser, server: ServerProcess, sdk: Autumn) -> None:
    batch(sdk, 3)
    with open_page(chrome, server.url) as page:
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        press_until(page, "[data-view=faults]")
        page.keyboard.press("Enter")
        expect(page.locator("#title-faults")).to_be_focused()
        press_until(page, "#switch-outage")
        page.keyboard.press("Space")
        expect(page.get_by_role("switch", name="Outage")).to_be_checked()
        page.keyboard.press("Space")
        expect(page.get_by_role("switch", name="Outage")).not_to_be_checked()
        press_until(page, "[data-view=requests]", "Shift+Tab")
        page.keyboard.press("Enter")
        press_until(page, "#request-rows a")
        page.keyboard.press("Enter")
        expect(page.locator("#request-shown")).to_be_visible()
        press_until(page, "#send-again")
        page.keyboard.press("Enter")
        expect(page.locator("#request-rows tr")).to_have_count(2)
        press_until(page, "[data-view=scenarios]", "Shift+Tab")
        page.keyboard.press("Enter")
        press_until(page, "#scenario-list [data-key=retry-after-202] button")
        page.keyboard.press("Enter")
        press_until(page, "#scenario-next")
        for played in range(1, 5):
            page.keyboard.press("Enter")
            expect(page.locator("#scenario-steps .played")).to_have_count(played)
        expect(page.locator("#scenario-end")).to_be_visible()
        press_until(page, "[data-view=overview]", "Shift+Tab")
        page.keyboard.press("Enter")
        press_until(page, "#tab-JavaScript")
        page.keyboard.press("ArrowRight")
        expect(page.locator("#snippet")).to_contain_text("autumn_sdk")


def fill_up(server: ServerProcess, sdk: Autumn) -> None:
    """Give every view something to show."""
    batch(sdk, 100, 150, 50)
    batch(sdk, 100, 150, 50)
    server.post("/v1/balances.batch_track", [{"customer_id": "cus_nope", "feature_id": "messages"}])
    server.post("/v1/balances.track", {"customer_id": "cus_123", "feature_id": "mesages"})
    server.post("/_mock/faults", {"rule": "enqueue:fail items=1 times=3"})
    server.drain()


FOCUSABLE = """() => [...document.querySelectorAll("a[href], button, input, select, summary, [tabindex='0']")].filter(
    each => each.checkVisibility() && !each.disabled && each.tabIndex >= 0 && !each.matches("[role=tab][tabindex='-1']")
).length"""
FOCUSED = """() => {
    if (document.activeElement !== document.body) window.reached.add(document.activeElement);
    return window.reached.size;
}"""


def show(page: Page, view: str) -> None:
    """Go to a view, and wait until all of it is shown."""
    page.evaluate("view => { location.hash = view; }", view)
    page.locator(VIEWS[view]).first.wait_for()
    if view == "requests":
        page.locator(VIEWS[view]).nth(2).click()
        page.locator("#request-shown").wait_for()
    page.wait_for_timeout(150)


def test_every_control_is_reached_with_the_tab_key(chrome: Browser, server: ServerProcess, sdk: Autumn) -> None:
    fill_up(server, sdk)
    with open_page(chrome, server.url) as page:
        for view in VIEWS:
            show(page, view)
            page.evaluate("document.activeElement.blur(); window.reached = new Set()")
            wanted = page.evaluate(FOCUSABLE)
            for _ in range(wanted + 2):
                page.keyboard.press("Tab")
                reached = page.evaluate(FOCUSED)
            assert reached >= wanted, view


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_violation(chrome: Browser, server: ServerProcess, sdk: Autumn, node: Node, theme: str) -> None:
    fill_up(server, sdk)
    axe = (node.packages / "node_modules/axe-core/axe.min.js").read_text("utf-8")
    found: dict[str, Any] = {}
    with open_page(chrome, server.url, theme=theme) as page:
        page.evaluate(axe)
        for view in VIEWS:
            show(page, view)
            for each in page.evaluate("axe.run()")["violations"]:
                found[f"{view} {each['id']}"] = [(one["target"], one["failureSummary"]) for one in each["nodes"][:3]]
    assert found == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280, 1920])
def test_views_fit_the_width(chrome: Browser, server: ServerProcess, sdk: Autumn, width: int, theme: str) -> None:
    """Also writes the screenshots."""
    fill_up(server, sdk)
    with open_page(chrome, server.url, width=width, theme=theme) as page:
        for view in VIEWS:
            show(page, view)
            if view.startswith("scenarios"):
                page.locator("#scenario-all").click()
                page.locator("#scenario-end").wait_for()
            assert page.evaluate("document.documentElement.scrollWidth") <= width, view
            save_screenshot(page, f"{view.partition('/')[0]}-{width}-{theme}")
