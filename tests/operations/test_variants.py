"""Plan variants: made, shown, and changed with their base or without it."""

from __future__ import annotations

from typing import Any

import pytest

from autumn_mock import create_app
from autumn_mock.domain.plan import Plan
from autumn_mock.engine import Engine
from autumn_mock.operations import plan_update, plans, variants
from autumn_mock.wire.requests.plans import PlanPatch, PlansCreateVariant
from autumn_mock.wire.schema import parse
from tests.support.client import AppClient
from tests.support.world import World, monthly

MONTHLY, YEARLY = {"amount": 20, "interval": "month"}, {"amount": 200, "interval": "year"}


class VariantWorld(World):
    """A world with a base plan and a variant of it."""

    def __init__(self) -> None:
        super().__init__()
        self.customer()
        self.plan(
            "base",
            monthly(100),
            monthly(5, "words"),
            price=MONTHLY,
            description="For teams",
            group="g",
            metadata={"rank": "1"},
        )
        self.variant("other")

    def variant(self, plan_id: str, base: str = "base", name: str = "Other") -> Plan:
        body = {"base_plan_id": base, "variant_plan_id": plan_id, "name": name}
        return variants.create(self.call(), parse(PlansCreateVariant, body))

    def update(self, plan_id: str = "base", **fields: Any) -> Plan:
        return plan_update.update(self.call(), plan_id, parse(PlanPatch, fields))

    def latest(self, plan_id: str = "other") -> Plan:
        plan = plans.latest_plan(self.environment, plan_id)
        assert plan is not None
        return plan

    def offer(self, plan_id: str = "other") -> dict[str, int]:
        """What a plan includes, by feature."""
        return {item.feature_id: int(item.included) for item in self.latest(plan_id).items}


@pytest.fixture
def world() -> VariantWorld:
    return VariantWorld()


# -- making them


def test_a_variant_is_a_copy_with_ids_of_its_own(world: VariantWorld) -> None:
    world.plan("default", monthly(1), auto_enable=True)
    variant, base = world.variant("copy", "default", "Copy"), world.latest("default")
    assert (variant.id, variant.name, variant.version, variant.base_variant_id) == ("copy", "Copy", 1, "default")
    assert (base.auto_enable, variant.auto_enable) == (True, False)
    other, base = world.latest(), world.latest("base")
    kept = ("description", "group", "add_on", "free_trial", "config", "billing_controls", "metadata")
    assert [getattr(other, name) for name in kept] == [getattr(base, name) for name in kept]
    assert world.offer() == world.offer("base")
    ids = {each.entitlement_id for plan in (other, base) for each in plan.items}
    assert len(ids) == 4
    assert other.price is not None
    assert base.price is not None
    assert (int(other.price.amount), other.price.price_id != base.price.price_id) == (20, True)


def test_a_variant_is_attached_like_any_plan(world: VariantWorld) -> None:
    world.attach("other")
    assert [each.plan_id for each in world.attached()] == ["other"]
    assert world.remaining() == 100


@pytest.mark.parametrize(
    ("body", "status", "code", "message"),
    [
        (("x", "other"), 400, "nested_variant_not_allowed", "Cannot create a variant from another variant."),
        (("x", "old"), 400, "cannot_fork_archived_base", "Cannot fork an archived base plan."),
        (("other", "base"), 409, "product_id_already_exists", "Product other already exists."),
        (("x", "none"), 404, "product_not_found", "Product none not found"),
    ],
)
def test_what_cannot_be_a_variant(
    world: VariantWorld, body: tuple[str, str], status: int, code: str, message: str
) -> None:
    world.plan("old", monthly(1))
    world.update("old", archived=True)
    with world.refused(status, code, message):
        world.variant(*body)


# -- following


def test_a_variant_follows_only_when_it_is_named(world: VariantWorld) -> None:
    world.update(items=[monthly(200), monthly(5, "words")])
    assert world.offer() == {"messages": 100, "words": 5}
    world.update(items=[monthly(300), monthly(5, "words")], name="New", update_variant_ids=["other"])
    assert (world.offer(), world.latest().name) == ({"messages": 300, "words": 5}, "Other")


CHANGES: dict[str, tuple[list[dict[str, Any]], dict[str, int]]] = {
    "changed": ([monthly(200), monthly(5, "words")], {"messages": 200, "action1": 7}),
    "added": ([monthly(100), monthly(5, "words"), monthly(9, "action2")], {"messages": 1, "action1": 7, "action2": 9}),
    "removed": ([monthly(5, "words")], {"action1": 7}),
    "dropped one comes back": ([monthly(100), monthly(6, "words")], {"messages": 1, "action1": 7, "words": 6}),
    "nothing": ([monthly(100), monthly(5, "words")], {"messages": 1, "action1": 7}),
}


@pytest.mark.parametrize(("items", "offer"), CHANGES.values(), ids=list(CHANGES))
def test_only_the_difference_of_this_update_follows(
    world: VariantWorld, items: list[dict[str, Any]], offer: dict[str, int]
) -> None:
    world.update("other", items=[monthly(1), monthly(7, "action1")])
    world.update(items=items, update_variant_ids=["other"])
    assert world.offer() == offer


@pytest.mark.parametrize(("own", "amount"), [(None, 30), (YEARLY, 200)])
def test_a_price_follows_unless_the_variant_has_another_interval(
    world: VariantWorld, own: dict[str, Any] | None, amount: int
) -> None:
    if own is not None:
        world.update("other", price=own)
    world.update(price={"amount": 30, "interval": "month"}, update_variant_ids=["other"])
    price = world.latest().price
    assert price is not None
    assert price.amount == amount


@pytest.mark.parametrize(
    ("on", "flags", "version"),
    [
        ([], {}, 1),
        (["base"], {}, 2),
        (["other"], {}, 2),
        (["other"], {"disable_version": True}, 1),
        ([], {"force_version": True}, 2),
    ],
)
def test_versions_of_a_variant_that_follows(
    world: VariantWorld, on: list[str], flags: dict[str, Any], version: int
) -> None:
    for plan_id in on:
        world.attach(plan_id)
    world.update(items=[monthly(200)], update_variant_ids=["other"], **flags)
    assert (world.latest().version, world.offer()) == (version, {"messages": 200})


def test_an_archived_variant_is_skipped(world: VariantWorld) -> None:
    world.update("other", archived=True)
    world.update(items=[monthly(200)], update_variant_ids=["other"])
    assert world.offer()["messages"] == 100


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        (
            {"update_variant_ids": [f"v{number}" for number in range(21)]},
            "too_many_variants",
            "Cannot propagate to more than 20 variants",
        ),
        ({"update_variant_ids": ["none"]}, "invalid_propagation_target", "Invalid propagation target: none"),
        ({"update_variant_ids": ["alone"]}, "invalid_propagation_target", "Invalid propagation target: alone"),
        (
            {"variants": [{"variant_plan_id": "alone", "customize": {}}]},
            "invalid_propagation_target",
            "Invalid propagation target: alone",
        ),
        (
            {
                "variants": [
                    {"variant_plan_id": "other", "customize": {}, "force_version": True, "disable_version": True}
                ]
            },
            "conflicting_version_flags",
            "Cannot use both force_version and disable_version",
        ),
        ({"base_plan_id": "alone"}, "nested_variant_not_allowed", "Cannot create a variant from another variant."),
    ],
)
def test_what_cannot_follow(world: VariantWorld, fields: dict[str, Any], code: str, message: str) -> None:
    world.plan("alone", monthly(1))
    with world.refused(400, code, message):
        world.update(**fields)


# -- described with the base


def test_variants_of_an_update_are_made_and_changed(world: VariantWorld) -> None:
    described = [
        {"variant_plan_id": "yearly", "name": "Yearly", "customize": {"price": YEARLY, "items": []}},
        {"variant_plan_id": "other", "customize": {"remove_items": [{"feature_id": "words"}]}},
    ]
    world.update(items=[monthly(200), monthly(5, "words")], variants=described)
    assert (world.offer("yearly"), world.offer()) == ({"messages": 200, "words": 5}, {"messages": 200})
    assert world.latest("yearly").price != world.latest("base").price
    before = world.snapshot()
    world.update(variants=described)
    assert world.snapshot() == before


def test_a_missing_variant_needs_a_name(world: VariantWorld) -> None:
    with world.refused(404, "product_not_found", "Product x not found"):
        world.update(variants=[{"variant_plan_id": "x", "customize": {}}])


@pytest.mark.parametrize(
    ("flags", "attached", "version"),
    [({}, False, 1), ({}, True, 2), ({"disable_version": True}, True, 1), ({"force_version": True}, False, 2)],
)
def test_versions_of_a_described_variant(
    world: VariantWorld, flags: dict[str, bool], attached: bool, version: int
) -> None:
    if attached:
        world.attach("other")
    world.update(variants=[{"variant_plan_id": "other", "customize": {"price": YEARLY}, **flags}])
    assert world.latest().version == version


# -- links


def test_links_are_changed_and_follow_a_renamed_base(world: VariantWorld) -> None:
    world.update("other", base_plan_id=None)
    assert world.latest().base_variant_id is None
    world.update("other", base_plan_id="base")
    assert world.latest().base_variant_id == "base"
    world.update("other", name="Still linked")
    world.update(new_plan_id="renamed")
    assert world.latest().base_variant_id == "renamed"


# -- what is shown


@pytest.fixture
def client() -> AppClient:
    return AppClient(create_app(Engine(world="empty", key=("am_sk_test_variants",))), "am_sk_test_variants")


FEATURE = {"feature_id": "m", "name": "M", "type": "metered", "consumable": True}
CATALOGUE: dict[str, Any] = {
    "features": [FEATURE],
    "plans": [
        {
            "plan_id": "pro",
            "name": "Pro",
            "price": {"amount": 8, "interval": "month"},
            "items": [],
            "variants": [
                {
                    "variant_plan_id": "pro_annual",
                    "name": "Annual",
                    "customize": {"price": {"amount": 84, "interval": "year"}},
                }
            ],
        }
    ],
    "skip_deletions": False,
}


def test_a_catalogue_with_variants_is_pushed_pulled_and_in_sync(client: AppClient) -> None:
    [planned] = client.ask("/v1/catalog.preview_update", CATALOGUE)["plan_changes"]
    assert [(each["variant_plan_id"], each["action"]) for each in planned["variants"]] == [("pro_annual", "created")]
    client.ask("/v1/catalog.update", CATALOGUE)
    base = client.ask("/v1/plans.get", {"plan_id": "pro"})
    variant = client.ask("/v1/plans.get", {"plan_id": "pro_annual"})
    customize = CATALOGUE["plans"][0]["variants"][0]["customize"]
    assert base["variants"] == [{"variant_plan_id": "pro_annual", "name": "Annual", "customize": customize}]
    assert "variant_details" not in base
    assert variant["variant_details"] == {"base_plan_id": "pro", "customize": customize}
    listed = client.ask("/v1/plans.list", {})["list"]
    client.ask("/v1/catalog.update", CATALOGUE)
    assert client.ask("/v1/plans.list", {})["list"] == listed
    assert {each["id"] for each in listed} == {"pro", "pro_annual"}
    again = client.ask("/v1/catalog.preview_update", CATALOGUE)["plan_changes"]
    assert [(each["action"], [it["action"] for it in each["variants"]]) for each in again] == [("none", ["none"])]


def test_a_preview_shows_variants_and_where_they_differ(client: AppClient) -> None:
    client.ask("/v1/catalog.update", CATALOGUE)
    change = {"plan_id": "pro", "price": {"amount": 9, "interval": "month"}, "include_variants": True}
    [shown] = client.ask("/v1/plans.preview_update", change)["variants"]
    assert (shown["variant_plan_id"], shown["conflicts"]) == ("pro_annual", [{"reason": "different_interval"}])
    assert shown["customize"] is None
    assert client.ask("/v1/plans.preview_update", {**change, "include_variants": False})["variants"] == []
    made = {"base_plan_id": "pro", "variant_plan_id": "v", "name": "V"}
    assert client.ask("/v1/plans.create_variant", made)["variant_details"] == {"base_plan_id": "pro", "customize": {}}


def test_a_variant_is_read_by_its_base(client: AppClient) -> None:
    client.ask("/v1/plans.create", {"plan_id": "base", "name": "Base"})
    client.ask("/v1/plans.create", {"plan_id": "other", "name": "Other"})
    client.ask("/v1/plans.create_variant", {"base_plan_id": "base", "variant_plan_id": "v", "name": "V"})
    assert client.ask("/v1/plans.get", {"plan_id": "base", "variant_id": "v"})["id"] == "v"
    assert client.ask("/v1/plans.get", {"plan_id": "base", "variant_id": "v", "version": 1})["version"] == 1
    for plan_id, variant_id in (("base", "other"), ("other", "v"), ("base", "gone"), ("gone", "v")):
        assert client.post("/v1/plans.get", {"plan_id": plan_id, "variant_id": variant_id}).status == 404
