"""An application whose default organisation sends webhooks to a receiver."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from autumn_mock import create_app
from autumn_mock.engine import Engine
from tests.webhooks.receiver import Receiver

KEY = "am_sk_test_autumn_mock"
#: ``ask(path, body, key)``: an answer that has to be one of success.
Ask = Callable[..., Any]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def emulator(receiver: Receiver) -> Iterator[Engine]:
    with Engine(webhook_url=(receiver.url,), rate_limit="off", key=("am_sk_test_other",)) as emulator:
        yield emulator


@pytest.fixture
def ask(emulator: Engine) -> Ask:
    return asking(emulator)


def asking(emulator: Engine) -> Ask:
    """Posts JSON, or gets when there is none."""
    client = create_app(emulator).test_client()

    def ask(path: str, body: Any = None, key: str | None = KEY) -> Any:
        headers = {"x-api-version": "2.3.0"} if key is None else {"authorization": f"Bearer {key}"}
        method = "GET" if body is None else "POST"
        reply = client.open(path, method=method, json=body, headers={"x-api-version": "2.3.0", **headers})
        assert reply.status_code < 300, (path, body, reply.json)
        return reply.json

    return ask
