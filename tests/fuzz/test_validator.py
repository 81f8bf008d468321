"""The validator of track items gives the verdict and the words of a slow reference, whatever the body is.

The reference is written straight from the table of contract.md 3.4 and shares no code with the program.
"""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, example, given, settings

from tests.fuzz.bodies import any_bytes, json_bodies, near_valid_bodies
from tests.fuzz.laws import batch_is_judged_as_the_contract_says, track_is_judged_as_the_contract_says
from tests.fuzz.reference import batch_verdict
from tests.support.effort import examples
from tests.wire.test_batch import NOW

LARGEST_ROUNDED_DOWN = b'[{"customer_id":"c","feature_id":"f","value":%d}]' % (2**1024 - 2**970 - 1)
SMALLEST_ROUNDED_UP = b'[{"customer_id":"c","feature_id":"f","value":%d}]' % (2**1024 - 2**970)
NO_TEXT_FOR_A_NAME = b'[{"customer_id":"c","feature_id":"f","\xff":null}]'
_slowly = [HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=examples(1000), deadline=None, suppress_health_check=_slowly)
@given(near_valid_bodies())
@example(LARGEST_ROUNDED_DOWN)
@example(SMALLEST_ROUNDED_UP)
@example(NO_TEXT_FOR_A_NAME)
def test_a_nearly_right_batch(body: bytes) -> None:
    batch_is_judged_as_the_contract_says(body)


@settings(max_examples=examples(700), deadline=None, suppress_health_check=_slowly)
@given(near_valid_bodies(single=True))
@example(LARGEST_ROUNDED_DOWN[1:-1])
def test_a_nearly_right_track(body: bytes) -> None:
    track_is_judged_as_the_contract_says(body)


@settings(max_examples=examples(400), deadline=None)
@given(json_bodies)
def test_any_json(body: bytes) -> None:
    batch_is_judged_as_the_contract_says(body)
    batch_is_judged_as_the_contract_says(b"[" + body + b"]")
    track_is_judged_as_the_contract_says(body)


@settings(max_examples=examples(400), deadline=None)
@given(any_bytes)
def test_any_bytes(body: bytes) -> None:
    batch_is_judged_as_the_contract_says(body)
    batch_is_judged_as_the_contract_says(b'[{"customer_id":"c","feature_id":"f","x":' + body + b"}]")
    track_is_judged_as_the_contract_says(body)


GOOD = {"customer_id": "c", "feature_id": "f"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([], "input: Too small: expected array to have >=1 items"),
        (None, "input: Invalid input: expected array, received object"),
        ([GOOD], None),
        (
            [1, "a", None, []],
            "[Validation Errors] 0: Invalid input: expected object, received number; "
            "1: Invalid input: expected object, received string; "
            "2: Invalid input: expected object, received null; "
            "3: Invalid input: expected object, received array",
        ),
        (
            [{**GOOD, "timestamp": -1}],
            "[Validation Errors] 0.timestamp: Too small: expected number to be >=0; "
            "0.timestamp: Too small: expected number to be >0",
        ),
        (
            [{"customer_id": "c", "event_name": ""}],
            "[Validation Errors] 0.event_name: cannot be empty; 0: Either feature_id or event_name must be provided",
        ),
        (
            [{**GOOD, "event_name": "e", "lock": {"lock_id": "l", "enabled": False}}],
            "0.lock.enabled: Invalid input: expected true",
        ),
    ],
)
def test_the_reference_says_what_was_measured(body: object, message: str | None) -> None:
    assert batch_verdict(json.dumps(body).encode(), NOW).message == message
