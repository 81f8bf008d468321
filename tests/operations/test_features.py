"""``features.*``: what a deletion and a new id do to the records that name a feature."""

from __future__ import annotations

from typing import Any

import pytest

from autumn_mock.operations import features
from autumn_mock.operations.balances import delete
from autumn_mock.wire.requests.balances import BalancesDelete
from autumn_mock.wire.requests.features import FeaturePatch
from tests.support.world import World, create_feature, lock, priced


def test_delete_refuses_a_feature_of_an_attached_plan(world: World) -> None:
    world.plan("pro", {"feature_id": "messages", "included": 5})
    world.attach("pro")
    environment = world.environment
    with environment.write() as transaction:  # as an edit of the plan in place leaves it
        for plan in list(environment.plans):
            transaction.delete(plan)
    message = "Feature messages is used in a product. You must delete the product first, or archive it instead."
    with world.refused(409, "invalid_request", message):
        features.delete(world.call(), "messages")


def test_update_of_the_id_changes_locks_and_attached_plans(world: World) -> None:
    world.plan("pro", {"feature_id": "messages", "included": 5})
    world.attach("pro")
    world.check(3, lock=lock())
    used = "Cannot change id of feature messages because a customer is using it or has used it before"
    with world.refused(400, "invalid_feature", used):
        features.update(world.call(), "messages", FeaturePatch(new_feature_id="tokens"))
    delete(world.call(), BalancesDelete(customer_id="c", feature_id="messages"))
    features.update(world.call(), "messages", FeaturePatch(new_feature_id="tokens"))
    [attached], [held] = world.environment.customer_plans, world.environment.locks
    assert ([item.feature_id for item in attached.plan.items], held.feature_id) == (["tokens"], "tokens")


_TYPE = "Cannot change type of feature {} because"


@pytest.mark.parametrize(
    ("feature", "change", "code", "message"),
    [
        ("held", {"type": "boolean"}, "invalid_feature", f"{_TYPE} it has been attached to a customer before"),
        ("seats", {"type": "boolean"}, "invalid_feature", f"{_TYPE} it is used in an entity feature by shared"),
        ("priced", {"type": "boolean"}, "invalid_feature", f"{_TYPE} it has a usage price set"),
        ("action1", {"type": "boolean"}, "invalid_feature", f"{_TYPE} it is used in a credit system"),
        (
            "free",
            {"type": "credit_system"},
            "invalid_request",
            "Cannot change type of feature free from metered to credit_system",
        ),
        (
            "action1",
            {"consumable": False},
            "invalid_feature",
            "Cannot set to continuous use because it is used in credit system credits",
        ),
        (
            "seats",
            {"consumable": True},
            "invalid_feature",
            "Cannot set to single use because it is used as an entity by shared",
        ),
        (
            "held",
            {"consumable": False},
            "invalid_feature",
            "Cannot set to continuous use because it is / was used by customers",
        ),
    ],
)
def test_update_refuses_another_kind_for_a_feature_in_use(
    world: World, feature: str, change: dict[str, Any], code: str, message: str
) -> None:
    for name in ("held", "shared", "priced", "free"):
        create_feature(world.call(), feature_id=name, name=name, type="metered", consumable=True)
    world.customer()
    world.balance(1, "held")
    world.plan("p", {"feature_id": "shared", "included": 1, "entity_feature_id": "seats"}, priced(1, "priced"))
    with world.refused(400, code, message.format(feature)):
        features.update(world.call(), feature, FeaturePatch(**change))


def test_delete_deletes_the_locks_of_the_feature(world: World) -> None:
    world.balance(10)
    world.check(3, lock=lock())
    features.delete(world.call(), "messages")
    assert list(world.environment.locks) == []
