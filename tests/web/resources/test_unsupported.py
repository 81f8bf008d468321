"""Calls that are not emulated."""

from __future__ import annotations

from typing import Any

import pytest

from autumn_mock.web.resources.unsupported import MESSAGES
from tests.sdk.methods import UNSUPPORTED


@pytest.mark.parametrize("call", MESSAGES)
def test_unsupported_calls_reply_400_with_their_message(ask: Any, call: str) -> None:
    assert ask(call, None, 400) == {"message": MESSAGES[call], "code": "invalid_request", "env": "sandbox"}


def test_unsupported_calls_are_those_of_the_sdk_tests() -> None:
    newer = {name for name in MESSAGES if name.startswith("catalogV2.")}  # no published client has them
    assert {name for name, _ in UNSUPPORTED.values()} | newer == set(MESSAGES)
