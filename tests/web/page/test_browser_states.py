"""What the page says in states that are easily misread: rules of the server, scenarios that stop, lost servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import open_page, save_screenshot
from tests.support.server import ServerProcess

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    """A server of these tests alone: they arm rules on all of it."""
    with ServerProcess() as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh(server: ServerProcess) -> None:
    server.post("/_mock/reset", {}, None)
    server.request("DELETE", "/_mock/faults")


def arm_on_server(server: ServerProcess, rule: str) -> None:
    assert server.post("/_mock/faults", {"rule": rule}, None).body["org"] is None


def rules(server: ServerProcess) -> list[str]:
    return [each["rule"] for each in server.get("/_mock/faults", None).body["list"]]


def reset(page: Page) -> None:
    page.get_by_role("button", name="Reset", exact=True).click()
    page.get_by_role("button", name="Continue").click()


def test_reset_names_the_rules_of_the_server_that_stay_and_clears_them(chrome: Browser, server: ServerProcess) -> None:
    arm_on_server(server, "queue:down")
    with open_page(chrome, server.url, "server") as page:
        reset(page)
        notices = page.locator("#notices")
        expect(notices).to_contain_text("Reset. 1 rule of the whole server stays armed: queue:down")
        assert rules(server) == ["queue:down"]
        save_screenshot(page, "reset-with-a-rule-of-the-server")
        page.get_by_role("button", name="Clear 1 rule").click()
        expect(page.locator("nav .badge")).to_have_count(0)
        assert rules(server) == []
        reset(page)
        expect(notices.get_by_text("Reset", exact=True)).to_be_visible()


def test_rules_of_the_server_are_marked_armed_and_cleared(chrome: Browser, server: ServerProcess) -> None:
    arm_on_server(server, "queue:down")
    with open_page(chrome, server.url) as page:
        expect(page.locator("#pipe-flags")).to_have_text("Armed on the whole server: queue:down")
        page.get_by_role("link", name="Faults").click()
        outage = page.get_by_role("switch", name="Outage (whole server)")
        expect(outage).to_be_checked()
        expect(page.locator("#armed .flag")).to_have_text("whole server")
        save_screenshot(page, "rule-of-the-server")
        outage.click()
        expect(page.get_by_role("switch", name="Outage", exact=True)).not_to_be_checked()
        assert rules(server) == []
        page.locator("#rule").get_by_label("Applies to").select_option("the whole server")
        page.get_by_role("button", name="Arm", exact=True).click()
        expect(page.locator("#armed .flag")).to_have_text("whole server")
        page.get_by_role("button", name="Clear all").click()
        expect(page.locator("#armed-empty")).to_be_visible()
        assert rules(server) == []


def test_scenario_that_fails_says_where_and_what_else_applied(chrome: Browser, server: ServerProcess) -> None:
    arm_on_server(server, "queue:down")
    with open_page(chrome, server.url, "scenarios/retry-after-202") as page:
        flags = page.locator("#scenario-flags")
        expect(flags).to_have_text("Armed on the whole server, so it applies here too: queue:down")
        page.get_by_role("button", name="Play to the end").click()
        expect(page.locator("#scenario-progress")).to_have_text("stopped at step 2 of 4")
        expect(page.locator("#scenario-steps .failed")).to_have_attribute("data-number", "2")
        end = page.locator("#scenario-end")
        expect(end).to_contain_text("Step 2 failed")
        expect(end).not_to_contain_text("kept to the contract")
        save_screenshot(page, "scenario-that-failed")


@pytest.mark.parametrize(
    ("name", "fact"),
    [
        ("partial-failure", "could not be queued: that usage is not charged, unless the client sent it again."),
        ("worker-stopped", "Lost: 0."),
    ],
)
def test_verdict_of_a_scenario_is_about_the_client(
    chrome: Browser, server: ServerProcess, name: str, fact: str
) -> None:
    with open_page(chrome, server.url, f"scenarios/{name}") as page:
        page.get_by_role("button", name="Play to the end").click()
        end = page.locator("#scenario-end")
        expect(end.locator(".calm")).to_have_text("No finding: the client kept to the contract.")
        expect(end).to_contain_text(fact)
        save_screenshot(page, f"scenario-{name}")


def test_address_and_selector_name_the_organisation(chrome: Browser, server: ServerProcess) -> None:
    opened = server.post("/_mock/organisations", {"name": "An outage", "slug": "mine"}, None).body
    unnamed = server.organisation()
    try:
        with open_page(chrome, server.url, query=f"?organisation={opened['org']}") as page:
            select = page.locator("#environment")
            expect(select).to_have_value(f"{opened['org']}:sandbox")
            expect(select.locator("option:checked")).to_have_text("An outage · mine · sandbox · no. 2")
            save_screenshot(page, "organisations")
            select.select_option(index=select.locator("option").count() - 1)
            expect(select.locator("option:checked")).to_contain_text(f"no. 3 · {unnamed.key[:15]}")
            assert "?" not in page.url
    finally:
        for key in (opened["key"], unnamed.key):
            server.request("DELETE", "/_mock/organisations", None, server.client(key).headers())


def test_test_batch_that_is_sent_again_is_a_certain_finding(chrome: Browser, server: ServerProcess) -> None:
    with open_page(chrome, server.url) as page:
        findings = page.locator("#findings")
        expect(findings).to_have_text("No findings: no usage was received yet.")
        page.evaluate("location.hash = 'customers/cus_123'")
        page.get_by_role("button", name="Send batch").click()
        expect(page.locator("#customer-events tr")).to_have_count(3)
        page.get_by_role("link", name="Overview").click()
        expect(findings).to_have_text("No findings in this organisation: its clients keep to the contract.")
        page.get_by_role("link", name="Requests").click()
        page.get_by_role("link", name="batch_track").click()
        page.get_by_role("button", name="Send again").click()
        page.get_by_role("link", name="Overview").click()
        expect(findings.locator(".finding.certain")).to_contain_text("Sent again after it was accepted")


def test_lost_server_is_shown_and_its_run_is_started_again(chrome: Browser) -> None:
    with ServerProcess() as first:
        port = first.url.rpartition(":")[2]
        with open_page(chrome, first.url, "scenarios/retry-after-202", problems=False) as page:
            expect(page.locator("#scenario-next")).to_be_enabled()
            expect(page.locator("#lost")).to_be_hidden()
            first.stop()
            expect(page.locator("#lost")).to_contain_text("Connection lost")
            save_screenshot(page, "connection-lost")
            with ServerProcess("--port", port):
                expect(page.locator("#lost")).to_be_hidden()
                page.get_by_role("button", name="Next step").click()
                notice = page.locator("#notices p").filter(has_text="The server no longer has this run")
                notice.get_by_role("button", name="Start again").click()
                page.get_by_role("button", name="Play to the end").click()
                expect(page.locator("#scenario-progress")).to_have_text("all 4 steps played")


def test_narrow_page_shows_every_view_and_the_frame_of_its_tables(chrome: Browser, server: ServerProcess) -> None:
    arm_on_server(server, "queue:down")
    with open_page(chrome, server.url, "faults", width=390) as page:
        expect(page.locator("#armed tr")).to_have_count(1)
        rights = "all => all.map(each => each.getBoundingClientRect().right)"
        assert max(page.locator("nav.views a").evaluate_all(rights)) <= 390
        table = page.get_by_role("region", name="Armed rules")
        assert table.evaluate("each => getComputedStyle(each).borderRightStyle") == "solid"
        page.get_by_role("button", name="Clear queue:down").click()
        expect(page.locator("#armed-empty")).to_be_visible()
