"""The webhooks of changed plans and of thresholds, as tables: what happens, and what is sent."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from autumn_mock.domain.customer import CustomerPlan
from autumn_mock.domain.version import Version
from autumn_mock.domain.webhook import Webhook
from autumn_mock.ledger.intervals import DAY
from autumn_mock.operations import features, plan_update, track
from autumn_mock.operations.billing import licenses
from autumn_mock.wire import webhooks
from autumn_mock.wire.requests.features import FeaturesUpdate
from autumn_mock.wire.requests.licenses import LicensesAttach
from autumn_mock.wire.requests.plans import PlanPatch
from autumn_mock.wire.schema import parse
from tests.support.world import World, item, monthly, priced

MONTH = {"interval": "month"}
TRIAL = {"duration_length": 7, "duration_type": "day", "card_required": False}


class Watched(World):
    """A world with a free default plan and paid ones, whose webhooks are kept."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Webhook] = []
        self.environment.listener = lambda _, sent: self.sent.extend(sent)
        self.environment.writer = webhooks
        self.plan("free", monthly(5), group="g", auto_enable=True)
        self.plan("pro", monthly(10), group="g", price={"amount": 20, **MONTH})
        self.plan("premium", monthly(20), group="g", price={"amount": 50, **MONTH})
        self.plan("packs", priced(0, "words", "prepaid", amount=10, billing_units=100), group="p")
        self.plan("addon", monthly(3), group="g", add_on=True, price={"amount": 5, **MONTH})
        self.plan(
            "once", {"feature_id": "words", "included": 5}, add_on=True, price={"amount": 9, "interval": "one_off"}
        )
        self.plan("trial", monthly(10), group="t", price={"amount": 20, **MONTH}, free_trial=TRIAL)
        self.plan("free_trial", monthly(10), group="f", free_trial=TRIAL)

    def pass_time(self, ms: int = 32 * DAY) -> None:
        self.now += ms
        self.account()

    def set(self, plan_id: str, **fields: Any) -> None:
        """Change an attached plan as a later part of the system does."""
        attached = self.held(plan_id)
        with self.environment.write() as transaction:
            transaction.put(replace(attached, **fields))

    def held(self, plan_id: str) -> CustomerPlan:
        return next(each for each in self.attached() if each.plan_id == plan_id)

    def updates(self) -> list[Any]:
        """Of each ``billing.updated``: its changes, as (action, plan, names of changed attributes), and its tags."""
        found = []
        for each in self.sent:
            if each.type == "billing.updated":
                changes = []
                for change in each.data["plan_changes"]:
                    shown = change.get("subscription") or change["purchase"]
                    old = change["previous_attributes"]
                    changes.append((change["action"], shown["plan_id"], None if old is None else sorted(old)))
                found.append((changes, each.data["tags"]))
        return found

    def words(self) -> list[tuple[str, str]]:
        """Of each ``customer.products.updated``: its scenario and its product."""
        data = [each.data for each in self.sent if each.type == "customer.products.updated"]
        return [(each["scenario"], each["updated_product"]["id"]) for each in data]


Steps = tuple[Callable[[Watched], object], ...]


class Case(NamedTuple):
    name: str
    before: Steps
    act: Callable[[Watched], object]
    changes: list[Any]
    tags: list[str]
    words: list[tuple[str, str]]


def create(world: Watched) -> None:
    world.customer()


def attach(plan_id: str, **fields: Any) -> Callable[[Watched], object]:
    return lambda world: world.attach(plan_id, **fields)


def update(plan_id: str, **fields: Any) -> Callable[[Watched], object]:
    return lambda world: world.update_billing(plan_id, **fields)


CANCEL_LATER = update("pro", cancel_action="cancel_end_of_cycle")
CANCEL_NOW = update("pro", cancel_action="cancel_immediately")
ENDING = ["canceled_at", "expires_at"]
ENDED = ["expires_at", "status"]

CASES = [
    Case("a customer with a default plan", (), create, [("activated", "free", None)], [], [("new", "free")]),
    Case("a new add-on", (create,), attach("addon"), [("activated", "addon", None)], [], [("new", "addon")]),
    Case("a purchase", (create,), attach("once"), [("activated", "once", None)], [], [("new", "once")]),
    Case(
        "free to paid",
        (create,),
        attach("pro"),
        [("activated", "pro", None), ("expired", "free", ENDED)],
        [],
        [("cancel", "free"), ("upgrade", "pro")],
    ),
    Case(
        "an upgrade",
        (create, attach("pro")),
        attach("premium"),
        [("activated", "premium", None), ("expired", "pro", ENDED)],
        [],
        [("cancel", "pro"), ("upgrade", "premium")],
    ),
    Case(
        "a downgrade at once",
        (create, attach("premium")),
        attach("pro", plan_schedule="immediate"),
        [("activated", "pro", None), ("expired", "premium", ENDED)],
        [],
        [("cancel", "premium"), ("new", "pro")],
    ),
    Case(
        "a downgrade",
        (create, attach("premium")),
        attach("pro"),
        [("updated", "premium", ENDING), ("scheduled", "pro", None)],
        [],
        [("downgrade", "premium")],
    ),
    Case(
        "another downgrade: the scheduled plan that is dropped is not a change",
        (create, attach("premium"), attach("pro")),
        attach("free"),
        [("scheduled", "free", None)],
        [],
        [],
    ),
    Case(
        "a cancellation at the end",
        (create, attach("pro")),
        CANCEL_LATER,
        [("updated", "pro", ENDING), ("scheduled", "free", None)],
        [],
        [("cancel", "pro")],
    ),
    Case(
        "a cancellation at once",
        (create, attach("pro")),
        CANCEL_NOW,
        [("expired", "pro", ENDED), ("activated", "free", None)],
        [],
        [("cancel", "pro"), ("new", "free")],
    ),
    Case(
        "a cancellation undone",
        (create, attach("pro"), CANCEL_LATER),
        update("pro", cancel_action="uncancel"),
        [("updated", "pro", ENDING)],
        [],
        [("renew", "pro")],
    ),
    Case(
        "other items",
        (create, attach("pro")),
        update("pro", customize={"items": [monthly(33)]}),
        [("updated", "pro", [])],
        [],
        [("upgrade", "pro")],
    ),
    Case(
        "another quantity",
        (create, attach("packs", feature_quantities=[{"feature_id": "words", "quantity": 100}])),
        update("packs", feature_quantities=[{"feature_id": "words", "quantity": 300}]),
        [("updated", "packs", [])],
        [],
        [("update_prepaid_quantity", "packs")],
    ),
    Case(
        "the end of a period with a scheduled plan",
        (create, attach("premium"), attach("pro")),
        Watched.pass_time,
        [("expired", "premium", ["status"]), ("activated", "pro", ["status"])],
        ["phase_changed"],
        [("expired", "premium"), ("new", "pro")],
    ),
    Case(
        "the end of a cancelled plan with a free default plan",
        (create, attach("pro"), CANCEL_LATER),
        Watched.pass_time,
        [("expired", "pro", ["status"]), ("activated", "free", ["status"])],
        [],
        [("expired", "pro"), ("new", "free")],
    ),
    Case(
        "the trial of a free plan ends",
        (create, attach("free_trial")),
        Watched.pass_time,
        [("expired", "free_trial", ENDED)],
        ["trial_ended"],
        [("expired", "free_trial")],
    ),
    Case(
        "a renewal is not paid",
        (create, attach("pro")),
        lambda world: world.set("pro", past_due=True),
        [("updated", "pro", ["past_due"])],
        [],
        [("past_due", "pro")],
    ),
    Case(
        "it is paid later",
        (create, attach("pro"), lambda world: world.set("pro", past_due=True)),
        lambda world: world.set("pro", past_due=False),
        [("updated", "pro", ["past_due"])],
        [],
        [],
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_change_of_plans_sends_both_webhooks(case: Case) -> None:
    world = Watched()
    for step in case.before:
        step(world)
    world.sent.clear()
    case.act(world)
    assert world.updates() == [(case.changes, case.tags)]
    assert world.words() == case.words


def test_a_change_is_shown_with_its_old_and_new_state() -> None:
    world = Watched()
    world.customer()
    world.attach("premium")
    world.sent.clear()
    world.attach("pro")
    ends = world.held("premium").expires_at
    old = {"past_due": False, "trial_ends_at": None, "current_period_start": None, "current_period_end": None}
    assert world.sent[0].data == {
        "object": "billing.updated",
        "customer_id": "c",
        "plan_changes": [
            {
                "action": "updated",
                "subscription": {
                    "plan_id": "premium",
                    "status": "active",
                    "started_at": world.now,
                    "canceled_at": world.now,
                    "expires_at": ends,
                    **old,
                },
                "previous_attributes": {"canceled_at": None, "expires_at": None},
                "item_changes": [],
            },
            {
                "action": "scheduled",
                "subscription": {
                    "plan_id": "pro",
                    "status": "scheduled",
                    "started_at": ends,
                    "canceled_at": None,
                    "expires_at": None,
                    **old,
                },
                "previous_attributes": None,
                "item_changes": [],
            },
        ],
        "tags": [],
    }


def test_a_purchase_is_shown_as_one() -> None:
    world = Watched()
    world.customer()
    world.sent.clear()
    world.attach("once")
    (change,) = world.sent[0].data["plan_changes"]
    assert change["purchase"] == {"plan_id": "once", "status": "active", "expires_at": None}


def test_a_plan_of_an_entity_names_it() -> None:
    world = Watched()
    world.customer()
    world.entity("e1")
    world.sent.clear()
    world.attach("pro", entity_id="e1")
    updated, products = world.sent
    assert list(updated.data) == ["object", "customer_id", "entity_id", "plan_changes", "tags"]
    assert updated.data["entity_id"] == products.data["entity"]["id"] == "e1"


def test_seats_are_no_changes_of_plans() -> None:
    world = Watched()
    world.customer()
    world.entity("e1")
    world.plan("team", group="t", licenses=[{"license_plan_id": "pro", "included": 2}])
    world.attach("team")
    world.sent.clear()
    body = {"customer_id": "c", "plan_id": "pro", "entities": [{"entity_id": "e1"}]}
    licenses.attach(world.call(), parse(LicensesAttach, body))
    assert world.sent == []


def test_a_plan_that_is_moved_to_another_version_is_updated() -> None:
    world = Watched()
    world.customer()
    world.attach("pro")
    plan_update.update(world.call(), "pro", parse(PlanPatch, {"items": [monthly(40)]}))
    world.sent.clear()
    world.update_billing("pro", version=2)
    assert world.updates() == [([("updated", "pro", [])], [])]


def test_the_older_webhook_shows_the_customer_as_version_1_2_does() -> None:
    world = Watched()
    world.customer()
    world.sent.clear()
    world.attach("pro")
    data = world.sent[-1].data
    assert list(data) == ["scenario", "customer", "updated_product"]
    assert [each["id"] for each in data["customer"]["products"]] == ["pro"]
    assert data["customer"]["features"]["messages"]["balance"] == 10
    assert data["updated_product"]["items"][0]["price"] == 20


def test_a_call_that_fails_or_changes_no_plan_sends_nothing() -> None:
    world = Watched()
    world.customer()
    world.attach("pro")
    world.sent.clear()
    with world.refused(
        409,
        "plan_already_attached",
        "Cannot attach because the customer's current product 'pro' is the same as the product being attached",
    ):
        world.attach("pro")
    world.track(1)
    world.pass_time(DAY)
    assert world.sent == []


def test_several_instants_that_pass_at_once_send_their_own_webhooks_in_order() -> None:
    world = Watched()
    world.customer()
    world.attach("free_trial")
    world.attach("premium")
    world.attach("pro")
    world.sent.clear()
    world.pass_time(400 * DAY)
    assert [tags for _, tags in world.updates()] == [["trial_ended"], ["phase_changed"]]


def test_without_endpoints_no_webhook_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    world = Watched()
    world.environment.listener = None
    monkeypatch.setattr(webhooks, "plans_changed", None)
    monkeypatch.setattr(webhooks, "threshold_reached", None)
    world.customer()
    world.attach("pro")
    track.track(world.call(Version.V1_2), item(10))
    assert world.sent == []


def test_renaming_a_feature_sends_nothing_about_the_plans_that_have_it() -> None:
    world = Watched()
    world.customer()
    world.plan("small", monthly(1, "words"), group="g", price={"amount": 1, **MONTH})
    world.attach("premium")
    world.attach("small")  # scheduled: there is not a balance of the feature
    world.sent.clear()
    features.update(world.call(), "words", parse(FeaturesUpdate, {"feature_id": "words", "new_feature_id": "terms"}))
    assert [item.feature_id for item in world.held("small").plan.items] == ["terms"]
    assert world.sent == []


# -- thresholds

#: Values that are tracked one after the other of a plan with 10, and what each sends.
USES: dict[str, tuple[dict[str, Any], list[float], list[list[str]]]] = {
    "included": (monthly(10), [9, 1, 1, -5, 5], [[], ["limit_reached"], [], [], ["limit_reached"]]),
    "priced": (priced(10), [9, 1, 1], [[], ["allowance_used"], []]),
    "priced with a maximum": (priced(10, max_purchase=2), [10, 1, 1], [["allowance_used"], [], ["limit_reached"]]),
    "less than one is left": (monthly(10), [9.5, 0.5], [["limit_reached"], []]),
    "unlimited": ({"feature_id": "messages", "unlimited": True}, [50], [[]]),
}


@pytest.mark.parametrize(("grants", "values", "expected"), USES.values(), ids=USES)
def test_old_versions_send_thresholds(grants: dict[str, Any], values: list[float], expected: list[list[str]]) -> None:
    world = Watched()
    world.plan("plan", grants, group="other")
    world.customer(auto_enable_plan_id="free_trial")
    world.update_billing("free_trial", cancel_action="cancel_immediately")
    world.attach("plan")
    found = []
    for value in values:
        world.sent.clear()
        world.track(value, version=Version.V1_2)
        sent = [each for each in world.sent if each.type == "customer.threshold_reached"]
        found.append([each.data["threshold_type"] for each in sent])
        for each in sent:
            assert list(each.data) == ["threshold_type", "customer", "feature"]
            assert each.data["feature"]["id"] == "messages"
            assert "invoices" not in each.data["customer"]
    assert found == expected


@pytest.mark.parametrize("version", list(Version), ids=lambda version: version.value)
def test_each_version_below_2_1_sends_thresholds_in_its_shape(version: Version) -> None:
    world = Watched()
    world.customer(grants={"words": 1})
    world.sent.clear()
    world.track(1, "words", version=version)
    data = [each.data for each in world.sent if each.type == "customer.threshold_reached"]
    tuple_of = tuple(int(part) for part in version.value.split("."))
    assert len(data) == (1 if tuple_of < (2, 1) else 0)
    for each in data:
        key = "balances" if tuple_of >= (2,) else "features" if tuple_of >= (1, 2) else None
        assert key is None or key in each["customer"]


def test_a_tracked_feature_alone_reaches_a_threshold_not_its_credit_system() -> None:
    world = Watched()
    world.customer(grants={"credits": 1})
    world.sent.clear()
    world.track(5, "action1", version=Version.V1_2)
    kinds = [(each.type, each.data.get("feature", {}).get("id")) for each in world.sent]
    assert ("customer.threshold_reached", "credits") not in kinds


def test_amounts_are_numbers() -> None:
    world = Watched()
    world.customer()
    world.attach("pro")
    found = str([each.data for each in world.sent])
    assert "Decimal" not in found
    assert Decimal(1) != found
