"""Plans that move between a customer and its entities."""

from __future__ import annotations

from typing import Any

import pytest

from autumn_mock.operations.billing.transfer import transfer
from autumn_mock.wire.requests.older import OldTransfer
from autumn_mock.wire.schema import ValidationFailed, parse
from tests.support.world import World, monthly


@pytest.fixture
def owners(world: World) -> World:
    """A customer with two entities, and a plan with a grant, seats and a pooled grant."""
    world.customer()
    for name in ("e1", "e2"):
        world.entity(name)
    seats = {"feature_id": "seats", "included": 5}
    world.plan("p", monthly(100), seats, monthly(10, "words", pooled=True))
    return world


def move(world: World, **fields: Any) -> None:
    transfer(world.call(), "c", parse(OldTransfer, {"product_id": "p", **fields}))


@pytest.mark.parametrize(
    ("first", "to", "seats"),
    [(None, "e1", (5, 5, 0)), ("e1", None, (5, 3, 2)), ("e1", "e2", (5, 5, 0)), (None, "e2", (5, 5, 0))],
)
def test_a_plan_moves_with_what_was_used(
    owners: World, first: str | None, to: str | None, seats: tuple[int, ...]
) -> None:
    scope: dict[str, Any] = {} if first is None else {"entity_id": first}
    owners.attach("p", **scope)
    owners.track(30, **scope)
    move(owners, from_entity_id=first, to_entity_id=to)
    (attached,) = owners.attached()
    assert attached.entity_id == to
    assert owners.amounts(entity_id=to) == (100, 70, 30)
    assert owners.amounts("seats", entity_id=to) == seats
    (pool,) = owners.rows("words")
    assert [each.entity_id for each in pool.pool] == [to]
    owners.update_billing("p", cancel_action="cancel_immediately", **({} if to is None else {"entity_id": to}))
    assert owners.rows(None) == []


def test_what_cannot_be_moved(owners: World) -> None:
    owners.attach("p")
    with pytest.raises(ValidationFailed, match="Must specify atleast one of: from_entity_id, to_entity_id"):
        move(owners)
    with owners.refused(404, "entity_not_found", "Entity gone not found"):
        move(owners, to_entity_id="gone")
    with owners.refused(404, "cus_product_not_found", "Product p not found for customer c"):
        move(owners, from_entity_id="e1")
