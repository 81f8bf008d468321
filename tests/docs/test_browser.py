"""The pages in a browser: they fit a narrow screen, load nothing from elsewhere, and their links work."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from autumn_mock.docs import TOPICS
from tests.support.browser import chromium
from tests.support.server import ServerProcess

pytestmark = pytest.mark.browser
NARROW, WIDE = 390, 1280


@pytest.fixture(scope="module")
def page(server: ServerProcess) -> Iterator[Page]:
    with chromium() as browser:
        page = browser.new_page(base_url=server.url)
        problems: list[str] = []
        page.on("console", lambda each: problems.append(each.text) if each.type in ("error", "warning") else None)
        page.on("response", lambda each: problems.append(each.url) if each.status >= 400 else None)
        yield page
        assert problems == []


def test_no_page_is_wider_than_the_screen(page: Page) -> None:
    too_wide = []
    for name in ("", *TOPICS):
        page.goto(f"/_mock/docs/{name}".rstrip("/"), wait_until="load")
        for width in (NARROW, WIDE):
            page.set_viewport_size({"width": width, "height": 844})
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                too_wide.append((name, width))
    assert too_wide == []


def test_the_list_of_topics_is_scrolled_in_a_low_window(page: Page) -> None:
    page.set_viewport_size({"width": WIDE, "height": 420})
    page.goto("/_mock/docs/settings", wait_until="load")
    assert page.evaluate("document.querySelector('nav').getBoundingClientRect().bottom <= innerHeight")
    last = page.get_by_role("navigation").get_by_role("link").last
    expect(last).not_to_be_in_viewport()
    page.get_by_role("navigation").hover()
    page.mouse.wheel(0, 5000)
    expect(last).to_be_in_viewport()
    assert page.evaluate("scrollY") == 0


def test_links_lead_to_pages_and_headings(page: Page) -> None:
    page.set_viewport_size({"width": WIDE, "height": 844})
    page.goto("/_mock/docs")
    page.get_by_role("main").get_by_role("link", name="Settings", exact=True).click()
    expect(page).to_have_title("Settings · autumn-mock")
    page.get_by_role("main").get_by_role("link", name="the log", exact=True).click()
    expect(page).to_have_url("/_mock/docs/command-line#the-log")
    expect(page.get_by_role("heading", name="The log", exact=True)).to_be_in_viewport()
    page.get_by_text("On this page").click()
    page.get_by_role("main").get_by_role("link", name="Often used").click()
    expect(page.get_by_role("heading", name="Often used")).to_be_in_viewport()


def test_the_page_of_the_server_links_to_them(page: Page) -> None:
    page.goto("/_mock/")
    page.get_by_role("link", name="Documentation").click()
    expect(page.get_by_role("heading", name="Documentation")).to_be_visible()


def test_pictures_are_shown(page: Page) -> None:
    page.goto("/_mock/docs/page")
    assert page.get_by_role("img").evaluate("each => each.naturalWidth") > NARROW
