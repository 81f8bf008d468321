"""Reported usage against recorded usage."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from autumn_mock.certification.usage import UsageRule, charged_in, judge_usage, uses_of

METER = ("cus_1", "messages")


def judged(rule: UsageRule, returned: list[Any], raised: list[Any], charged: Any) -> bool:
    """Whether amounts of one meter follow a rule."""
    certain, uncertain = (
        uses_of([{"customer_id": "cus_1", "feature_id": "messages", "value": value} for value in values])
        for values in (returned, raised)
    )
    return all(each.met for each in judge_usage(rule, certain, uncertain, {METER: Decimal(str(charged))}))


@pytest.mark.parametrize(
    ("rule", "returned", "raised", "charged", "met"),
    [
        ("as_answered", [5], [], 5, True),
        ("as_answered", [5], [], 0, False),  # lost without an error
        ("as_answered", [5], [], 10, False),  # charged twice
        ("as_answered", [], [5], 0, True),
        ("as_answered", [], [5], 5, True),
        ("as_answered", [], [5], 10, False),
        ("as_answered", [5], [3, 7], 12, True),
        ("as_answered", [5], [3, 7], 9, False),  # no sum of what was uncertain
        ("as_answered", [5], [3, 7], 4, False),
        ("as_answered", [0.1, 0.2], [], 0.3, True),
        ("as_answered", [5, -2], [], 3, True),
        ("as_answered", [], list(range(1, 40)), 780, True),  # too many sums: only the range
        ("as_answered", [], list(range(1, 200)), 19_901, False),
        ("once", [5], [3], 8, True),
        ("once", [5], [3], 5, False),
        ("none", [], [3], 0, True),
        ("none", [], [3], 3, False),
    ],
)
def test_usage_follows_a_rule(rule: UsageRule, returned: list[Any], raised: list[Any], charged: Any, met: bool) -> None:
    assert judged(rule, returned, raised, charged) is met


def test_usage_of_others_is_found() -> None:
    found = list(judge_usage("as_answered", [], [], {METER: Decimal(1)}))
    assert [each.met for each in found] == [False]
    assert found[0].text == "cus_1 messages: the client reported 0 as recorded; 1 were charged"


def test_charges_are_exact_sums() -> None:
    events = [{"customer_id": "cus_1", "feature_id": "messages", "value": 0.1}] * 3
    assert charged_in(events) == {METER: Decimal("0.3")}
