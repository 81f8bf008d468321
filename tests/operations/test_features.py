"""``features.*``: what a deletion and a new id do to the records that name a feature."""

from __future__ import annotations

from autumn_mock.operations import features
from autumn_mock.wire.requests.features import FeaturePatch
from tests.support.world import World, lock


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
    features.update(world.call(), "messages", FeaturePatch(new_feature_id="tokens"))
    [attached], [held] = world.environment.customer_plans, world.environment.locks
    assert ([item.feature_id for item in attached.plan.items], held.feature_id) == (["tokens"], "tokens")
    world.finalize(action="confirm", override_value=4)
    assert world.remaining("tokens") == 1


def test_delete_deletes_the_locks_of_the_feature(world: World) -> None:
    world.balance(10)
    world.check(3, lock=lock())
    features.delete(world.call(), "messages")
    assert list(world.environment.locks) == []
