"""``customers.*`` and ``entities.*``: who there is, and what goes with them."""

from __future__ import annotations

from typing import Any

import pytest

from autumn_mock.domain.customer import Customer, Entity
from autumn_mock.operations import customers
from autumn_mock.wire.requests.customers import CustomersGetOrCreate, CustomersList, CustomersUpdate
from autumn_mock.wire.requests.entities import EntitiesCreate, EntitiesList, EntitiesUpdate
from autumn_mock.wire.schema import parse
from tests.support.world import NOW, World, item, lock, monthly, priced

DAY = 86_400_000


def update(world: World, customer_id: str = "c", **fields: Any) -> Customer:
    body = parse(CustomersUpdate, {"customer_id": customer_id, **fields})
    return customers.update(world.call(), body).customer


def ids(page: customers.CustomerPage | customers.EntityPage) -> list[str | None]:
    if isinstance(page, customers.CustomerPage):
        return [account.customer.id for account in page.rows]
    return [entity.id for _, entity in page.rows]


# -- making


def test_a_new_customer_is_put_on_every_plan_for_everybody(world: World) -> None:
    world.plan("free", monthly(5), auto_enable=True)
    world.plan("extra", monthly(2), auto_enable=True, add_on=True)
    world.plan("other", monthly(9))
    world.customer("new")
    assert {each.plan_id for each in world.attached("new")} == {"free", "extra"}
    assert world.remaining(customer_id="new") == 7


def test_a_customer_may_ask_for_another_plan(world: World) -> None:
    world.plan("free", monthly(5), auto_enable=True)
    world.plan("other", monthly(9))
    world.customer("new", auto_enable_plan_id="other")
    assert [each.plan_id for each in world.attached("new")] == ["other"]


def test_an_existing_customer_keeps_what_it_has(world: World) -> None:
    made = world.customer("new", name="A", metadata={"a": 1})
    again = world.customer("new", name="B", email="b@mail.org", metadata={"b": 2})
    assert (again.internal_id, again.name, again.email, again.metadata) == (
        made.internal_id,
        "A",
        "b@mail.org",
        {"a": 1},
    )


def test_a_customer_with_only_an_email_gets_its_id_later(world: World) -> None:
    body = {"customer_id": None, "email": "x@mail.org"}
    first = customers.get_or_create(world.call(), parse(CustomersGetOrCreate, body))[0].customer
    again = customers.get_or_create(world.call(), parse(CustomersGetOrCreate, body))[0].customer
    assert (first.id, again.internal_id) == (None, first.internal_id)
    named = world.customer("named", email="x@mail.org")
    assert (named.internal_id, named.id) == (first.internal_id, "named")
    assert world.customer("other", email="x@mail.org").internal_id != first.internal_id


def test_an_entity_comes_along(world: World) -> None:
    world.plan("p", {"feature_id": "seats", "included": 3}, auto_enable=True)
    world.customer("new", entity_id="e1", entity_data={"feature_id": "seats", "name": "One"})
    assert [entity.name for entity in world.account("new").entities.values()] == ["One"]
    assert world.amounts("seats", "new") == (3, 2, 1)


def test_customers_that_cannot_be(world: World) -> None:
    world.plan("paid", priced(5))
    trial = {"duration_length": 7, "duration_type": "day"}
    world.plan("card", priced(5), free_trial={**trial, "card_required": True})
    world.plan("tried", priced(5), free_trial={**trial, "card_required": False})
    with world.refused(400, "invalid_request", "Either customer ID or email is required"):
        customers.get_or_create(world.call(), parse(CustomersGetOrCreate, {"customer_id": None}))
    with world.refused(404, "product_not_found", "Product nope not found"):
        world.customer("new", auto_enable_plan_id="nope")
    message = "Auto-enable plan must be a free product, or have a free trial with 'card_required' as false"
    for plan_id in ("paid", "card"):
        with world.refused(400, "invalid_request", message):
            world.customer("new", auto_enable_plan_id=plan_id)
    world.customer("new", auto_enable_plan_id="tried")


# -- looking


def test_get(world: World) -> None:
    assert customers.get(world.call(), "c").customer == world.customer()
    assert customers.get(world.call(), world.customer().internal_id).customer.id == "c"
    with world.refused(404, "customer_not_found", "Customer nobody not found"):
        customers.get(world.call(), "nobody")


def many(world: World, count: int = 5) -> None:
    for number in range(count):
        world.now += 1
        world.customer(f"n{number}", name=f"Name {number}", email=f"{number}@mail.org")


def test_lists_go_from_the_newest_page_by_page(world: World) -> None:
    many(world)
    every: list[str | None] = []
    before = None
    while True:
        page = customers.list_customers(world.call(), CustomersList(limit=2), before=before)
        every += ids(page)
        before = page.next
        if before is None:
            break
    assert every == ["n4", "n3", "n2", "n1", "n0", "c"]
    assert ids(customers.list_customers(world.call(), CustomersList(limit=2), offset=3)) == ["n1", "n0"]
    assert ids(customers.list_customers(world.call(), CustomersList(limit=2, sort_order="asc"))) == ["c", "n0"]


def test_a_page_goes_on_where_a_deleted_customer_was(world: World) -> None:
    many(world)
    page = customers.list_customers(world.call(), CustomersList(limit=2))
    customers.delete(world.call(), "n3")
    assert ids(customers.list_customers(world.call(), CustomersList(limit=2), before=page.next)) == ["n2", "n1"]


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
def test_lists_can_be_narrowed(world: World, wanted: dict[str, Any], found: list[str]) -> None:
    many(world)
    world.plan("p", monthly(5))
    world.attach("p", "n2")
    page = customers.list_customers(world.call(), parse(CustomersList, {"limit": 10, **wanted}))
    assert ids(page) == found
    assert (page.total_count, page.filtered_count) == (6, len(found))


def test_listed_accounts_are_up_to_date(world: World) -> None:
    world.plan("p", monthly(5))
    world.attach("p")
    world.track(4)
    world.now += 32 * DAY
    (account,) = customers.list_customers(world.call(), CustomersList(limit=10)).rows
    assert [row.balance for row in account.rows.values()] == [5]


# -- changing


def test_update_sets_what_was_sent_and_merges_metadata(world: World) -> None:
    update(world, name="A", metadata={"a": 1, "b": 2})
    changed = update(world, email="a@mail.org", metadata={"a": None, "c": 3}, config={"disable_pooled_balance": True})
    assert (changed.name, changed.email, changed.metadata) == ("A", "a@mail.org", {"b": 2, "c": 3})
    assert changed.config == {"disable_pooled_balance": True}


def test_controls_of_one_kind_leave_the_others(world: World) -> None:
    limit = {"feature_id": "messages", "limit": 6, "interval": "day"}
    update(world, billing_controls={"usage_limits": [limit]})
    spend = {"feature_id": "messages", "enabled": True, "overage_limit": 5}
    controls = update(world, billing_controls={"spend_limits": [spend]}).billing_controls
    assert controls.usage_limits is not None
    assert controls.spend_limits is not None
    assert [each.limit for each in controls.usage_limits] == [6]
    assert [each.overage_limit for each in controls.spend_limits] == [5]


def test_a_new_id_takes_everything_along(world: World) -> None:
    world.balance(10)
    update(world, new_customer_id="renamed")
    world.track(4, customer_id="renamed")
    assert world.remaining(customer_id="renamed") == 6
    assert world.customer("c").internal_id != world.customer("renamed").internal_id


def test_updates_that_cannot_be(world: World) -> None:
    world.customer("other")
    with world.refused(404, "customer_not_found", "Customer nobody not found"):
        update(world, "nobody", name="A")
    message = "Customer with ID other already exists, can't change to this ID"
    with world.refused(409, "customer_already_exists", message):
        update(world, name="A", new_customer_id="other")
    update(world, new_customer_id="c")


def test_delete_takes_everything_along(world: World) -> None:
    limit = {"feature_id": "messages", "limit": 6, "interval": "day"}
    world.plan("p", monthly(5))
    for customer_id in ("c", "other"):
        world.customer(customer_id)
        update(world, customer_id, billing_controls={"usage_limits": [limit]})
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
    with world.refused(404, "customer_not_found", "Customer c not found"):
        customers.delete(world.call(), "c")
    world.customer("c")
    assert world.view() is None


# -- entities


def test_an_entity_takes_a_seat_and_gives_it_back(world: World) -> None:
    world.plan("p", {"feature_id": "seats", "included": 3})
    world.attach("p")
    for name in ("e1", "e2"):
        world.entity(name)
    assert world.amounts("seats") == (3, 1, 2)
    customers.delete_entity(world.call(), "e1", "c")
    assert world.amounts("seats") == (3, 2, 1)


def test_an_entity_is_answered_with_the_account_before_it_took_its_seat(world: World) -> None:
    world.plan("p", {"feature_id": "seats", "included": 3})
    world.attach("p")
    params = EntitiesCreate(customer_id="c", entity_id="e1", feature_id="seats")
    account, _ = customers.create_entity(world.call(), params)
    assert [row.balance for row in account.rows.values()] == [3]
    assert world.remaining("seats") == 2


def test_an_entity_for_an_unknown_customer_makes_it(world: World) -> None:
    world.entity(customer_id="new")
    assert list(world.account("new").entities) == ["e1"]


def test_what_an_entity_owns_goes_with_it(world: World) -> None:
    world.plan("own", monthly(5))
    world.plan("split", monthly(7, entity_feature_id="seats"), group="other")
    for name in ("e1", "e2"):
        world.entity(name)
        world.balance(10, entity_id=name)
        world.attach("own", entity_id=name)
    world.attach("split")
    customers.delete_entity(world.call(), "e1", "c")
    assert world.amounts(entity_id="e2") == (22, 22, 0)
    assert world.amounts() == (22, 22, 0)
    assert {row.entity_id for row in world.rows()} == {"e2", None}


def test_entities_that_cannot_be(world: World) -> None:
    world.entity()
    with world.refused(404, "feature_not_found", "Feature nope not found"):
        world.entity("e2", feature_id="nope")
    with world.refused(409, "entity_already_exists", "Entity e1 already exists"):
        world.entity()
    message = (
        "Feature 'messages' is consumable (e.g. credits, API calls). "
        "Entities can only be created for non-consumable features (e.g. seats)."
    )
    with world.refused(400, "invalid_request", message):
        world.entity("e2", feature_id="messages")


def test_an_unknown_customer_is_made_even_if_the_entity_cannot_be(world: World) -> None:
    with world.refused(404, "feature_not_found", "Feature nope not found", changes=("customers",)):
        world.entity("e2", "new", "nope")
    assert len(world.environment.customers) == 2


def get_entity(world: World, entity_id: str, customer_id: str | None = None) -> Entity:
    return customers.get_entity_account(world.call(), entity_id, customer_id)[1]


def test_an_entity_is_found_without_its_customer_when_only_one_has_it(world: World) -> None:
    world.entity("mine")
    world.entity("shared")
    world.entity("shared", "other")
    assert get_entity(world, "mine").id == "mine"
    assert get_entity(world, "shared", "other").customer == world.customer("other").internal_id
    message = (
        "More than one customer has an entity with ID 'shared'. "
        "Include customer_id in the request so we know which one to use."
    )
    with world.refused(400, "entity_id_required", message):
        get_entity(world, "shared")
    with world.refused(500, "internal_error", "Customer not found for entity nope"):
        get_entity(world, "nope")
    with world.refused(404, "entity_not_found", "Entity nope not found"):
        get_entity(world, "nope", "c")
    with world.refused(404, "customer_not_found", "Customer nobody not found"):
        get_entity(world, "mine", "nobody")


def test_unknown_entities_are_neither_changed_nor_deleted(world: World) -> None:
    message = "No customer found for entity 'nope'. Pass customer_id to identify the customer."
    with world.refused(404, "customer_not_found", message):
        customers.update_entity(world.call(), EntitiesUpdate(entity_id="nope"))
    with world.refused(404, "customer_not_found", message):
        customers.delete_entity(world.call(), "nope", None)
    with world.refused(404, "entity_not_found", "Entity nope not found"):
        customers.delete_entity(world.call(), "nope", "c")
    with world.refused(404, "entity_not_found", "Entity nope not found"):
        customers.update_entity(world.call(), EntitiesUpdate(entity_id="nope", customer_id="c"))


def test_an_entity_gets_limits_of_its_own(world: World) -> None:
    world.entity()
    world.entity("e2")
    world.balance(20)
    limit = {"feature_id": "messages", "limit": 3, "interval": "day"}
    customers.update_entity(
        world.call(), parse(EntitiesUpdate, {"entity_id": "e1", "billing_controls": {"usage_limits": [limit]}})
    )
    world.track(5, entity_id="e1")
    world.track(5, entity_id="e2")
    assert world.remaining() == 12


def test_entities_are_listed_like_customers(world: World) -> None:
    for number in range(3):
        world.now += 1
        world.entity(f"e{number}")
    world.now += 1
    world.entity("x", "other")
    page = customers.list_entities(world.call(), EntitiesList(limit=2))
    assert ids(page) == ["x", "e2"]
    assert ids(customers.list_entities(world.call(), EntitiesList(limit=9), before=page.next)) == ["e1", "e0"]
    assert ids(customers.list_entities(world.call(), EntitiesList(limit=9), offset=3)) == ["e0"]
    page = customers.list_entities(world.call(), EntitiesList(limit=9, customer_id="c"))
    assert (ids(page), page.total_count, page.filtered_count) == (["e2", "e1", "e0"], 4, 3)
    assert ids(customers.list_entities(world.call(), EntitiesList(limit=9, search="E1"))) == ["e1"]
    assert ids(customers.list_entities(world.call(), EntitiesList(limit=9, customer_id="nobody"))) == []


def test_an_item_for_a_deleted_customer_is_refused(world: World) -> None:
    customers.delete(world.call(), "c")
    with world.refused(404, "customer_not_found", "Customer c not found"):
        world.track(item().value)
