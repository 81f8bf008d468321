"""The catalogue as a whole: what is refused is refused before anything is touched."""

from __future__ import annotations

from typing import Any

import pytest

from autumn_mock.operations import features
from autumn_mock.operations.catalogue.preview import preview
from autumn_mock.operations.catalogue.update import update
from autumn_mock.wire.requests.features import FeaturePatch, FeaturesCreate
from autumn_mock.wire.requests.plans import Catalog
from autumn_mock.wire.responses.feature import feature_body
from autumn_mock.wire.schema import parse
from tests.support.world import World, lock

EMPTY = "At least one metered feature is required for credit system"
NESTED = (
    "Credit system schema cannot reference another credit system (credits). Only metered or AI credit features are "
    "allowed."
)


def stated(*given: dict[str, Any]) -> Any:
    return parse(Catalog, {"features": list(given)})


def credits(schema: list[dict[str, Any]]) -> dict[str, Any]:
    return {"feature_id": "more", "name": "More", "type": "credit_system", "credit_schema": schema}


@pytest.mark.parametrize(
    ("schema", "message"), [([], EMPTY), ([{"metered_feature_id": "credits", "credit_cost": 1}], NESTED)]
)
def test_a_preview_refuses_the_features_that_creating_refuses(
    world: World, schema: list[dict[str, Any]], message: str
) -> None:
    given = credits(schema)
    with world.refused(400, "invalid_feature", message):
        features.create(world.call(), parse(FeaturesCreate, given))
    with world.refused(400, "invalid_feature", message):
        preview(world.call(), stated(given))
    with world.refused(400, "invalid_feature", message):
        update(world.call(), stated({**given, "feature_id": "first"}, given))


def test_an_ai_credit_system_is_taken_as_it_is_shown(world: World) -> None:
    """It lists no features, and is shown with an empty list of them."""
    given = {"feature_id": "ai", "name": "AI", "type": "ai_credit_system", "credit_schema": []}
    made = features.create(world.call(), parse(FeaturesCreate, dict(given)))
    assert feature_body(made).credit_schema == []
    (change,) = preview(world.call(), stated(given)).features
    assert change.action == "none"


def test_a_feature_that_an_attached_plan_still_has_cannot_be_deleted(world: World) -> None:
    world.plan("pro", {"feature_id": "messages", "included": 5})
    world.attach("pro")
    environment = world.environment
    with environment.write() as transaction:  # as an edit of the plan in place leaves it
        for plan in list(environment.plans):
            transaction.delete(plan)
    message = "Feature messages is used in a product. You must delete the product first, or archive it instead."
    with world.refused(409, "invalid_request", message):
        features.delete(world.call(), "messages")


def test_a_lock_and_an_attached_plan_follow_a_feature_that_is_renamed(world: World) -> None:
    world.plan("pro", {"feature_id": "messages", "included": 5})
    world.attach("pro")
    world.check(3, lock=lock())
    features.update(world.call(), "messages", FeaturePatch(new_feature_id="tokens"))
    [attached], [held] = world.environment.customer_plans, world.environment.locks
    assert ([item.feature_id for item in attached.plan.items], held.feature_id) == (["tokens"], "tokens")
    world.finalize(action="confirm", override_value=4)
    assert world.remaining("tokens") == 1


def test_a_lock_goes_with_its_feature(world: World) -> None:
    world.balance(10)
    world.check(3, lock=lock())
    features.delete(world.call(), "messages")
    assert list(world.environment.locks) == []
