"""An application in this process, with the default world and running workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from autumn_mock import create_app
from autumn_mock.engine import Engine

if TYPE_CHECKING:
    from playwright.sync_api import Browser

KEY = "am_sk_test_autumn_mock"
Post = Callable[..., TestResponse]


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    """Chromium; the test is skipped without it."""
    from tests.support.browser import chromium  # Playwright, which most tests need not load

    with chromium() as browser:
        yield browser


@pytest.fixture
def emulator() -> Iterator[Engine]:
    with Engine(key=("am_sk_test_other",)) as emulator:
        yield emulator


@pytest.fixture
def client(emulator: Engine) -> FlaskClient:
    return create_app(emulator).test_client()


@pytest.fixture
def post(client: FlaskClient) -> Post:
    """Post JSON (or bytes) with the default key; ``key=None`` sends none."""

    def post(path: str, body: Any = None, key: str | None = KEY, **headers: str) -> TestResponse:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            sent["Authorization"] = f"Bearer {key}"
        data = {"data": body} if isinstance(body, bytes) else {"json": body}
        return client.post(path, headers=sent, **data)

    return post
