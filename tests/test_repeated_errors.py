"""Errors that come many times a second: the first line, and then a summary."""

from __future__ import annotations

import logging

import pytest

from autumn_mock import repeated_errors
from autumn_mock.repeated_errors import INTERVAL_S, RepeatedError


def test_the_first_error_is_logged_and_then_a_summary(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = 1000.0
    monkeypatch.setattr(repeated_errors, "stopwatch", lambda: now)
    errors = RepeatedError(logging.getLogger("autumn_mock.test"))
    for number in range(100):
        errors.log("not written: %s", number)
    assert caplog.messages == ["not written: 0"]
    now += INTERVAL_S
    errors.log("not written: %s", 100)
    errors.log("not written: %s", 101)
    now += INTERVAL_S
    errors.log("not written: %s", 102)
    assert caplog.messages[1:] == [
        "not written: 100 (and 99 more since the last such line)",
        "not written: 102 (and 1 more since the last such line)",
    ]
