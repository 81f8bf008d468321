"""``catalog.preview_update``, and that ``catalog.update`` refuses the same before it changes anything."""

from __future__ import annotations

from typing import Any

import pytest

from autumn_mock.operations import features
from autumn_mock.operations.catalogue.preview import preview
from autumn_mock.operations.catalogue.update import update
from autumn_mock.wire.requests.features import FeaturesCreate
from autumn_mock.wire.requests.plans import Catalog
from autumn_mock.wire.responses.feature import feature_body
from autumn_mock.wire.schema import parse
from tests.support.world import World

EMPTY = "At least one metered feature is required for credit system"
NESTED = (
    "Credit system schema cannot reference another credit system (credits). Only metered or AI credit features are "
    "allowed."
)


def catalogue_of(*given: dict[str, Any]) -> Any:
    return parse(Catalog, {"features": list(given)})


def credit_system(schema: list[dict[str, Any]]) -> dict[str, Any]:
    return {"feature_id": "more", "name": "More", "type": "credit_system", "credit_schema": schema}


@pytest.mark.parametrize(
    ("schema", "message"), [([], EMPTY), ([{"metered_feature_id": "credits", "credit_cost": 1}], NESTED)]
)
def test_preview_and_update_refuse_features_that_create_refuses(
    world: World, schema: list[dict[str, Any]], message: str
) -> None:
    given = credit_system(schema)
    with world.refused(400, "invalid_feature", message):
        features.create(world.call(), parse(FeaturesCreate, given))
    with world.refused(400, "invalid_feature", message):
        preview(world.call(), catalogue_of(given))
    with world.refused(400, "invalid_feature", message):
        update(world.call(), catalogue_of({**given, "feature_id": "first"}, given))


def test_preview_takes_an_ai_credit_system_as_it_is_shown(world: World) -> None:
    """It lists no features, and is shown with an empty list of them."""
    given = {"feature_id": "ai", "name": "AI", "type": "ai_credit_system", "credit_schema": []}
    made = features.create(world.call(), parse(FeaturesCreate, dict(given)))
    assert feature_body(made).credit_schema == []
    (change,) = preview(world.call(), catalogue_of(given)).features
    assert change.action == "none"
