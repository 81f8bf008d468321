"""``customers.*``."""

from __future__ import annotations

from typing import Any

import pytest

from autumn_mock.domain.customer import Customer
from autumn_mock.ledger.account import Account
from autumn_mock.operations import customers
from autumn_mock.operations.listing import CountedPage
from autumn_mock.wire.requests.customers import CustomersGetOrCreate, CustomersList, CustomersUpdate
from autumn_mock.wire.schema import parse
from tests.support.world import NOW, World, lock, monthly, priced

DAY = 86_400_000
LIMIT = {"feature_id": "messages", "limit": 6, "interval": "day"}


def update(world: World, customer_id: str = "c", **fields: Any) -> Customer:
    body = parse(CustomersUpdate, {"customer_id": customer_id, **fields})
    return customers.update(world.call(), body).customer


def listed(world: World, **fields: Any) -> CountedPage[Account]:
    return customers.list_(world.call(), parse(CustomersList, fields))


def ids(page: CountedPage[Account]) -> list[str | None]:
    return [account.customer.id for account in page.rows]


# -- get_or_create


def test_get_or_create_attaches_every_auto_enabled_plan(world: World) -> None:
    world.plan("free", monthly(5), auto_enable=True)
    world.plan("extra", monthly(2), auto_enable=True, add_on=True)
    world.plan("other", monthly(9))
    world.customer("new")
    assert {each.plan_id for each in world.attached("new")} == {"free", "extra"}
    assert world.remaining(customer_id="new") == 7


def test_get_or_create_attaches_the_requested_plan_instead(world: World) -> None:
    world.plan("free", monthly(5), auto_enable=True)
    world.plan("other", monthly(9))
    world.customer("new", auto_enable_plan_id="other")
    assert [each.plan_id for each in world.attached("new")] == ["other"]


def test_get_or_create_fills_in_only_missing_values(world: World) -> None:
    first = world.customer("new", name="A", metadata={"a": 1})
    again = world.customer("new", name="B", email="b@mail.org", metadata={"b": 2})
    expected = (first.internal_id, "A", "b@mail.org", {"a": 1})
    assert (again.internal_id, again.name, again.email, again.metadata) == expected


def test_get_or_create_names_a_customer_known_by_email(world: World) -> None:
    params = CustomersGetOrCreate(customer_id=None, email="x@mail.org")
    first = customers.get_or_create(world.call(), params)[0].customer
    again = customers.get_or_create(world.call(), params)[0].customer
    assert (first.id, again.internal_id) == (None, first.internal_id)
    named = world.customer("named", email="x@mail.org")
    assert (named.internal_id, named.id) == (first.internal_id, "named")
    assert world.customer("other", email="x@mail.org").internal_id != first.internal_id


def test_get_or_create_creates_the_entity(world: World) -> None:
    world.plan("p", {"feature_id": "seats", "included": 3}, auto_enable=True)
    world.customer("new", entity_id="e1", entity_data={"feature_id": "seats", "name": "One"})
    assert [entity.name for entity in world.account("new").entities.values()] == ["One"]
    assert world.amounts("seats", "new") == (3, 2, 1)


NOT_FREE = "Auto-enable plan must be a free product, or have a free trial with 'card_required' as false"


@pytest.mark.parametrize(
    ("fields", "status", "code", "message"),
    [
        ({"customer_id": None}, 400, "invalid_request", "Either customer ID or email is required"),
        ({"auto_enable_plan_id": "nope"}, 404, "product_not_found", "Product nope not found"),
        ({"auto_enable_plan_id": "paid"}, 400, "invalid_request", NOT_FREE),
        ({"auto_enable_plan_id": "card"}, 400, "invalid_request", NOT_FREE),
    ],
)
def test_get_or_create_refuses(world: World, fields: dict[str, Any], status: int, code: str, message: str) -> None:
    world.plan("paid", priced(5))
    world.plan("card", priced(5), free_trial={"duration_length": 7, "duration_type": "day", "card_required": True})
    with world.refused(status, code, message):
        customers.get_or_create(world.call(), parse(CustomersGetOrCreate, {"customer_id": "new", **fields}))


def test_get_or_create_accepts_a_plan_with_a_trial_without_card(world: World) -> None:
    world.plan("tried", priced(5), free_trial={"duration_length": 7, "duration_type": "day", "card_required": False})
    world.customer("new", auto_enable_plan_id="tried")
    assert [each.plan_id for each in world.attached("new")] == ["tried"]


# -- get, list


def test_get_by_either_id(world: World) -> None:
    assert customers.get(world.call(), "c").customer == world.customer()
    assert customers.get(world.call(), world.customer().internal_id).customer.id == "c"


def many(world: World, count: int = 5) -> None:
    for number in range(count):
        world.now += 1
        world.customer(f"n{number}", name=f"Name {number}", email=f"{number}@mail.org")


def test_list_pages_from_the_newest(world: World) -> None:
    many(world)
    every: list[str | None] = []
    before = None
    while True:
        page = customers.list_(world.call(), CustomersList(limit=2), before=before)
        every += ids(page)
        before = page.next
        if before is None:
            break
    assert every == ["n4", "n3", "n2", "n1", "n0", "c"]
    assert ids(customers.list_(world.call(), CustomersList(limit=2), offset=3)) == ["n1", "n0"]
    assert ids(listed(world, limit=2, sort_order="asc")) == ["c", "n0"]


def test_list_continues_after_a_deleted_customer(world: World) -> None:
    many(world)
    page = listed(world, limit=2)
    customers.delete(world.call(), "n3")
    assert ids(customers.list_(world.call(), CustomersList(limit=2), before=page.next)) == ["n2", "n1"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"search": "NAME 3"}, ["n3"]),
        ({"search": "1@mail"}, ["n1"]),
        ({"created_at_range": {"start": NOW + 4}}, ["n4", "n3"]),
        ({"created_at_range": {"end": NOW + 1}}, ["n0", "c"]),
        ({"plans": [{"id": "p"}]}, ["n2"]),
        ({"plans": [{"id": "p", "versions": [2]}]}, []),
        ({"subscription_status": "active"}, ["n2"]),
        ({"subscription_status": "scheduled"}, []),
        ({"plans": [{"id": "p"}], "subscription_status": "active", "search": "n2"}, ["n2"]),
    ],
)
def test_list_filters(world: World, wanted: dict[str, Any], found: list[str]) -> None:
    many(world)
    world.plan("p", monthly(5))
    world.attach("p", "n2")
    page = listed(world, limit=10, **wanted)
    assert ids(page) == found
    assert (page.total_count, page.filtered_count) == (6, len(found))


def test_list_applies_resets(world: World) -> None:
    world.plan("p", monthly(5))
    world.attach("p")
    world.track(4)
    world.now += 32 * DAY
    (account,) = listed(world).rows
    assert [row.balance for row in account.rows.values()] == [5]


# -- update, delete


def test_update_sets_what_was_sent_and_merges_metadata(world: World) -> None:
    update(world, name="A", metadata={"a": 1, "b": 2})
    changed = update(world, email="a@mail.org", metadata={"a": None, "c": 3}, config={"disable_pooled_balance": True})
    assert (changed.name, changed.email, changed.metadata) == ("A", "a@mail.org", {"b": 2, "c": 3})
    assert changed.config == {"disable_pooled_balance": True}
    assert update(world, name=None).name is None


def test_update_of_one_kind_of_controls_keeps_the_others(world: World) -> None:
    update(world, billing_controls={"usage_limits": [LIMIT]})
    spend = {"feature_id": "messages", "enabled": True, "overage_limit": 5}
    controls = update(world, billing_controls={"spend_limits": [spend]}).billing_controls
    assert [each.limit for each in controls.usage_limits or ()] == [6]
    assert [each.overage_limit for each in controls.spend_limits or ()] == [5]


def test_update_of_the_id_keeps_everything(world: World) -> None:
    world.balance(10)
    update(world, new_customer_id="renamed")
    world.track(4, customer_id="renamed")
    assert world.remaining(customer_id="renamed") == 6
    assert world.customer("c").internal_id != world.customer("renamed").internal_id


def test_update_refuses_a_taken_id(world: World) -> None:
    world.customer("other")
    message = "Customer with ID other already exists, can't change to this ID"
    with world.refused(409, "customer_already_exists", message):
        update(world, name="A", new_customer_id="other")
    update(world, new_customer_id="c")


def test_delete_removes_everything_of_the_customer(world: World) -> None:
    world.plan("p", monthly(5))
    for customer_id in ("c", "other"):
        world.customer(customer_id)
        update(world, customer_id, billing_controls={"usage_limits": [LIMIT]})
        world.attach("p", customer_id)
        world.entity(customer_id=customer_id)
        world.track(2, customer_id=customer_id, lock=lock(customer_id))
    customers.delete(world.call(), "c")
    environment = world.environment
    for table in (
        environment.customers,
        environment.balances,
        environment.customer_plans,
        environment.entities,
        environment.windows,
        environment.locks,
        environment.events,
    ):
        assert len(table) == 1
    world.customer("c")
    assert world.view() is None


@pytest.mark.parametrize("call", ["get", "update", "delete", "track"])
def test_unknown_customers_are_refused(world: World, call: str) -> None:
    with world.refused(404, "customer_not_found", "Customer unknown not found"):
        if call == "update":
            update(world, "unknown", name="A")
        elif call == "track":
            world.track(customer_id="unknown")
        else:
            getattr(customers, call)(world.call(), "unknown")
