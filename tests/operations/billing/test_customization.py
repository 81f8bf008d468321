"""``customize`` of ``billing.attach`` and ``billing.update``: single items, or all, and other terms."""

from __future__ import annotations

from typing import Any

import pytest

from autumn_mock.wire.requests.billing import BillingAttach
from autumn_mock.wire.schema import ValidationFailed, parse
from tests.support.world import World, monthly, priced

WEEKLY = {"feature_id": "messages", "included": 7, "reset": {"interval": "week", "interval_count": 2}}
PREPAID = priced(0, "messages", "prepaid", interval="year")
USAGE = priced(1, "words")
ITEMS = (monthly(100), WEEKLY, PREPAID, USAGE, {"feature_id": "seats", "included": 2}, {"feature_id": "sso"})


@pytest.fixture
def patched(world: World) -> World:
    world.plan("p", *ITEMS)
    return world


def shown(world: World) -> list[tuple[str, int, str]]:
    return [
        (row.feature_id, int(row.included), row.reset.interval if row.reset is not None else "")
        for row in world.rows(None)
    ]


ALL = [
    ("messages", 100, "month"),
    ("messages", 7, "week"),
    ("messages", 0, "year"),
    ("words", 1, "month"),
    ("seats", 2, ""),
    ("sso", 0, ""),
]


@pytest.mark.parametrize(
    ("wanted", "indices"),
    [
        ({"feature_id": "messages"}, [0, 1, 2]),
        ({"billing_method": "prepaid"}, [2]),
        ({"billing_method": "usage_based"}, [3]),
        ({"interval": "month"}, [0, 3]),
        ({"interval": "month", "feature_id": "messages"}, [0]),
        ({"interval_count": 2}, [1]),
        ({"feature_id": "messages", "interval_count": 1}, [0, 2]),
        ({"feature_id": "messages", "included": 100}, [0]),
        ({"feature_id": "seats"}, [4]),
        ({"feature_id": "sso"}, [5]),
        ({"feature_id": "credits"}, []),
    ],
)
@pytest.mark.parametrize("call", ["attach", "update"])
def test_remove_items_removes_what_matches_every_value(
    patched: World, call: str, wanted: dict[str, Any], indices: list[int]
) -> None:
    custom = {"remove_items": [wanted], "add_items": [monthly(5, "credits")]}
    if call == "attach":
        patched.attach("p", customize=custom)
    else:
        patched.attach("p")
        patched.update_billing("p", customize=custom)
    expected = [row for index, row in enumerate(ALL) if index not in indices]
    assert sorted(shown(patched)) == sorted([*expected, ("credits", 5, "month")])


def test_items_are_removed_before_others_are_added(patched: World) -> None:
    patched.attach("p", customize={"remove_items": [{"feature_id": "messages"}], "add_items": [monthly(3)]})
    assert [row for row in shown(patched) if row[0] == "messages"] == [("messages", 3, "month")]


def test_update_items_changes_grant_and_reset(patched: World) -> None:
    patched.attach("p")
    patched.track(10, "words")
    updates = [
        {"filter": {"feature_id": "messages", "interval": "month"}, "included": 60, "interval": "day"},
        {"filter": {"feature_id": "words"}, "included": 50},
    ]
    patched.update_billing("p", customize={"update_items": updates})
    assert sorted(shown(patched)) == sorted([("messages", 60, "day"), *ALL[1:3], ("words", 50, "month"), *ALL[4:]])
    assert patched.amounts("words") == (50, 40, 10)


def test_update_items_does_not_change_the_interval_of_a_price(patched: World) -> None:
    message = "update_items cannot change intervals for paid items. Use remove_items and add_items instead."
    update = {"filter": {"feature_id": "words"}, "interval": "day"}
    with patched.refused(400, "invalid_product_item", message):
        patched.attach("p", customize={"update_items": [update]})


@pytest.mark.parametrize("patch", ["add_items", "remove_items", "update_items"])
def test_items_exclude_patches(patch: str) -> None:
    body = {"customer_id": "c", "plan_id": "p", "customize": {"items": [], patch: []}}
    with pytest.raises(ValidationFailed, match="pick one approach"):
        parse(BillingAttach, body)


@pytest.mark.parametrize("patch", ["items", "add_items"])
def test_items_are_not_repeated(patched: World, patch: str) -> None:
    message = (
        "You're trying to create two items for the same feature (messages) with the same interval. "
        "Please make them into one item."
    )
    with patched.refused(400, "invalid_inputs", message):
        patched.attach("p", customize={patch: [monthly(1), monthly(2)]})


def test_a_filter_selects_something() -> None:
    body = {"customer_id": "c", "plan_id": "p", "customize": {"remove_items": [{}]}}
    with pytest.raises(ValidationFailed, match="at least one field"):
        parse(BillingAttach, body)


def test_billing_controls_of_one_customer(patched: World) -> None:
    limit = {"feature_id": "messages", "limit": 3, "interval": "day"}
    patched.attach("p", customize={"billing_controls": {"usage_limits": [limit]}})
    patched.track(10)
    assert patched.amounts()[2] == 3
