"""Chromium, driven with Playwright: the system's own, with nothing downloaded.

Without it the tests are skipped, unless ``AUTUMN_MOCK_REQUIRE_BROWSER=1`` makes that a failure.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Request, sync_playwright

#: Milliseconds that an expectation may take on a busy machine.
TIMEOUT_MS = 15_000


def _absent(what: str) -> NoReturn:
    if os.environ.get("AUTUMN_MOCK_REQUIRE_BROWSER") == "1":
        pytest.fail(f"AUTUMN_MOCK_REQUIRE_BROWSER=1, but {what}")
    pytest.skip(f"the page is not tested: {what}")


def executable() -> str:
    """The path of the browser."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        _absent("there is no chromium on the PATH")
    return found


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window."""
    found = executable()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def open_page(
    browser: Browser,
    url: str,
    view: str = "overview",
    *,
    query: str = "",
    width: int = 1280,
    theme: str = "light",
    token: str = "",
    problems: bool = True,
) -> Iterator[Page]:
    """The page of a server, connected. Leaving it requires that it asked no other host for anything, and, with
    ``problems``, that it wrote no error."""
    found: list[str] = []
    host = urlsplit(url).netloc

    def check_host(request: Request) -> None:
        if urlsplit(request.url).netloc not in (host, "") or request.url.startswith("file:"):
            found.append(f"it asked for {request.url}")

    context = browser.new_context(
        viewport={"width": width, "height": 844 if width < 600 else 900},
        color_scheme="dark" if theme == "dark" else "light",
        reduced_motion="reduce",
        permissions=["clipboard-read", "clipboard-write"],
    )
    context.set_default_timeout(TIMEOUT_MS)
    page = context.new_page()
    page.on("pageerror", lambda error: found.append(f"exception: {error}"))
    if problems:
        page.on("console", lambda message: found.append(message.text) if message.type in ("error", "warning") else None)
    page.on("request", check_host)
    page.goto(f"{url}/_mock/{query}#{view}")
    if token:
        page.get_by_role("textbox", name="Token").fill(token)
        page.get_by_role("button", name="Continue").click()
    page.locator("#connection[data-state=live]").wait_for()
    yield page
    context.close()
    assert not found, found


def save_screenshot(page: Page, name: str) -> None:
    """Keep a screenshot in the folder that ``AUTUMN_MOCK_SCREENSHOTS`` names, if it names one."""
    folder = os.environ.get("AUTUMN_MOCK_SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder, f"{name}.png"), full_page=True)
