"""Plans: which changes make a new version."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from autumn_mock.domain.plan import Plan
from autumn_mock.operations import plan_update, plans, variants
from autumn_mock.operations.catalogue.preview import preview
from autumn_mock.operations.catalogue.update import update as update_catalogue
from autumn_mock.wire.requests.plans import Catalog, PlansCreateVariant, PlansUpdate
from autumn_mock.wire.responses.plan import plan_body
from autumn_mock.wire.schema import parse
from tests.support.world import World, priced

TEN = {"feature_id": "messages", "included": 10}
TWENTY = {"feature_id": "messages", "included": 20}


def update(world: World, body: dict[str, Any]) -> Plan:
    params = parse(PlansUpdate, body)
    return plan_update.update(world.call(), params.plan_id, params)


def stated(plan: dict[str, Any]) -> Catalog:
    return parse(Catalog, {"plans": [plan]})


@pytest.fixture
def used(world: World) -> World:
    """A plan in two versions, a customer on the first."""
    world.plan("p", TEN)
    world.attach("p")
    assert update(world, {"plan_id": "p", "items": [TWENTY]}).version == 2
    return world


def test_update_changes_a_version_without_customers_in_place(used: World) -> None:
    assert update(used, {"plan_id": "p", "items": [TEN]}).version == 2


def test_update_of_a_version_in_use_makes_a_new_one(used: World) -> None:
    assert update(used, {"plan_id": "p", "version": 1, "items": [TWENTY]}).version == 3


def test_update_without_a_change_makes_no_version(used: World) -> None:
    before = used.snapshot()
    same = {"plan_id": "p", "version": 1, "items": [TEN], "price": None, "group": "", "description": None}
    assert update(used, same).version == 1
    assert used.snapshot() == before


def test_update_of_controls_makes_a_version_and_of_a_name_does_not(used: World) -> None:
    change = {"plan_id": "p", "version": 1}
    assert update(used, {**change, "name": "P"}).version == 1
    controls = {"spend_limits": [{"feature_id": "messages", "enabled": True, "overage_limit": 5}]}
    assert update(used, {**change, "billing_controls": controls}).version == 3


def test_update_of_all_versions(used: World) -> None:
    words = {"feature_id": "words", "included": 5}
    change = {"plan_id": "p", "version": 1, "items": [TEN, words], "metadata": {"a": 1}, "all_versions": True}
    assert update(used, change).version == 1
    granted = [
        [(i.feature_id, int(i.included)) for i in each.items] for each in used.environment.plans.of("p").values()
    ]
    assert granted == [[("messages", 10), ("words", 5)], [("messages", 20), ("words", 5)]]
    assert [each.metadata for each in used.environment.plans.of("p").values()] == [{"a": 1}, {"a": 1}]


def test_update_of_the_id_renames_every_version_and_what_names_it(world: World) -> None:
    world.plan("p", TEN)
    update(world, {"plan_id": "p", "items": [TWENTY], "force_version": True})
    world.plan("parent", licenses=[{"license_plan_id": "p", "included": 2}])
    world.attach("parent", license_quantities=[{"license_plan_id": "p", "quantity": 3}])
    update(world, {"plan_id": "p", "new_plan_id": "q"})
    assert sorted((each.id, each.version) for each in world.environment.plans) == [("parent", 1), ("q", 1), ("q", 2)]
    (offered,), (attached,) = world.environment.plans.of("parent").values(), world.attached()
    for plan in (offered, attached.plan):
        assert [each.license_plan_id for each in plan.licenses] == ["q"]
    assert (attached.license_quantities, attached.license_names) == ({"q": 3}, {"q": "p"})
    with world.refused(400, "product_already_exists", "Product parent already exists"):
        update(world, {"plan_id": "q", "new_plan_id": "parent"})


@pytest.mark.parametrize("is_ended", [False, True])
def test_the_id_of_a_plan_that_customers_have_or_had_stays(used: World, is_ended: bool) -> None:
    if is_ended:
        used.update_billing("p", cancel_action="cancel_immediately")
    with used.refused(400, "invalid_request", "Cannot change product ID because it has existing customers"):
        update(used, {"plan_id": "p", "new_plan_id": "q"})


def test_a_default_plan_by_its_newer_name(world: World) -> None:
    world.plan("p", TEN)
    assert update(world, {"plan_id": "p", "is_default": True}).auto_enable
    assert not update(world, {"plan_id": "p", "is_default": True, "auto_enable": False}).auto_enable
    variants.create(world.call(), parse(PlansCreateVariant, {"base_plan_id": "p", "variant_plan_id": "v", "name": "V"}))
    with world.refused(400, "invalid_request", "is_default cannot be true on a variant"):
        update(world, {"plan_id": "v", "is_default": True})


_EUR = [{"currency": "eur", "amount": 0.9}]
_TRIAL = {"duration_length": 7, "duration_type": "day", "card_required": False}
#: What bills nothing here: as it is sent, and where it is shown.
KEPT: list[tuple[dict[str, Any], tuple[str | int, ...], Any]] = [
    (
        {"price": {"amount": 1, "interval": "month", "additional_currencies": _EUR}},
        ("price", "additional_currencies"),
        _EUR,
    ),
    ({"free_trial": {**_TRIAL, "on_end": "revert"}}, ("free_trial", "on_end"), "revert"),
    ({"free_trial": {**_TRIAL, "on_end": "bill"}}, ("free_trial", "on_end"), "bill"),
    (
        {"items": [{**priced(5), "threshold_billing": {"threshold": 50}}]},
        ("items", 0, "threshold_billing"),
        {"threshold": 50},
    ),
    ({"items": [priced(5, additional_currencies=_EUR)]}, ("items", 0, "price", "additional_currencies"), _EUR),
]


@pytest.mark.parametrize(("sent", "path", "kept"), KEPT)
def test_what_bills_nothing_is_kept_and_compared(
    world: World, sent: dict[str, Any], path: tuple[str | int, ...], kept: Any
) -> None:
    plan = world.plan("p", *sent.get("items", []), **{name: each for name, each in sent.items() if name != "items"})
    shown = msgspec.to_builtins(plan_body(plan, world.environment.features.by_key, "sandbox"))
    for step in path:
        shown = shown[step]
    assert shown == kept
    assert update(world, {"plan_id": "p", **sent}) == plan
    world.attach("p", free_trial=None)
    assert update(world, {"plan_id": "p", "items": [TEN], "price": None, "free_trial": None}).version == 2


def test_catalog_update_changes_a_plan_as_plans_update_does(used: World) -> None:
    given = {"plan_id": "p", "version": 1, "items": [TWENTY]}
    (shown,) = preview(used.call(), stated(given)).plans
    assert (shown.action, shown.versionable) == ("updated", True)
    assert [plan.version for plan in update_catalogue(used.call(), stated(given))[0]] == [3]
    (shown,) = preview(used.call(), stated({**given, "disable_version": True})).plans
    assert (shown.action, shown.versionable) == ("updated", False)
    (shown,) = preview(used.call(), stated({"plan_id": "p", "items": [TWENTY]})).plans
    assert (shown.action, shown.versionable) == ("none", False)


def test_update_with_force_version_and_disable_version(used: World) -> None:
    assert update(used, {"plan_id": "p", "items": [TEN], "force_version": True}).version == 3
    assert update(used, {"plan_id": "p", "force_version": True}).version == 4
    change = {"plan_id": "p", "version": 1, "items": [TWENTY], "disable_version": True}
    assert update(used, change).version == 1


def test_update_keeps_and_clears_the_description(used: World) -> None:
    assert update(used, {"plan_id": "p", "description": "Ten"}).description == "Ten"
    assert update(used, {"plan_id": "p", "name": "P"}).description == "Ten"
    assert update(used, {"plan_id": "p", "description": None}).description is None


def test_a_plan_that_a_customer_had_is_archived_and_not_deleted(world: World) -> None:
    world.plan("p", TEN)
    world.attach("p")
    world.update_billing("p", cancel_action="cancel_immediately")
    catalogue = parse(
        Catalog, {"plans": [], "skip_deletions": False, "skip_feature_ids": list(world.environment.features.by_key)}
    )
    (shown,) = preview(world.call(), catalogue).plans
    assert (shown.action, shown.customers) == ("deleted", 1)
    message = "Product p has 1 customers (expired or active) on it and therefore cannot be deleted"
    with world.refused(400, "invalid_request", message):
        plans.delete(world.call(), "p")
    update_catalogue(world.call(), catalogue)
    assert [plan.archived for plan in world.environment.plans] == [True]


@pytest.mark.parametrize("kind", ["free", "trial"])
def test_a_group_has_one_default_plan_of_each_kind(world: World, kind: str) -> None:
    trial = {"duration_length": 7, "duration_type": "day", "card_required": False}
    paid = {"price": {"amount": 20, "interval": "month"}}
    world.plan("f", TEN, group="g", auto_enable=True)
    world.plan("t", TWENTY, group="g", auto_enable=True, free_trial=trial, **paid)
    world.plan("other", TEN, group="h", auto_enable=True)
    world.customer("new")
    assert [each.plan_id for each in world.attached("new")] == ["t", "other"]
    message = "You have another default product (f). Please remove default from that product first."
    if kind == "trial":
        message = (
            "You have another default trial product in this group (t). Please remove default from that product first."
        )
    with world.refused(400, "invalid_request", message):
        world.plan("x", TEN, group="g", auto_enable=True, **({"free_trial": trial, **paid} if kind == "trial" else {}))


@pytest.mark.parametrize("trial", [None, {"duration_length": 7, "duration_type": "day"}])
def test_a_default_plan_costs_nothing_at_first(world: World, trial: dict[str, Any] | None) -> None:
    terms = {} if trial is None else {"free_trial": trial}
    with world.refused(400, "invalid_request", "Cannot make a plan auto-enable if it has prices on it."):
        world.plan("x", TEN, auto_enable=True, price={"amount": 20, "interval": "month"}, **terms)
