"""``entities.*``."""

from __future__ import annotations

import pytest

from autumn_mock.domain.customer import Entity
from autumn_mock.ledger.account import Account
from autumn_mock.operations import entities
from autumn_mock.operations.listing import CountedPage
from autumn_mock.wire.requests.entities import EntitiesCreate, EntitiesList, EntitiesUpdate
from autumn_mock.wire.schema import parse
from tests.support.world import World, monthly


@pytest.fixture
def seats(world: World) -> World:
    """A customer with three seats."""
    world.plan("p", {"feature_id": "seats", "included": 3})
    world.attach("p")
    return world


# -- create


def test_create_takes_a_seat_and_delete_returns_it(seats: World) -> None:
    for name in ("e1", "e2"):
        seats.entity(name)
    assert seats.amounts("seats") == (3, 1, 2)
    entities.delete(seats.call(), "e1", "c")
    assert seats.amounts("seats") == (3, 2, 1)


def test_create_returns_the_account_before_the_seat_was_taken(seats: World) -> None:
    params = EntitiesCreate(customer_id="c", entity_id="e1", feature_id="seats")
    account, _ = entities.create(seats.call(), params)
    assert [row.balance for row in account.rows.values()] == [3]
    assert seats.remaining("seats") == 2


def test_create_creates_an_unknown_customer(world: World) -> None:
    world.entity(customer_id="new")
    assert list(world.account("new").entities) == ["e1"]


def test_create_keeps_the_new_customer_of_a_refused_entity(world: World) -> None:
    with world.refused(404, "feature_not_found", "Feature nope not found", changes=("customers",)):
        world.entity("e2", "new", "nope")
    assert len(world.environment.customers) == 2


CONSUMABLE = (
    "Feature 'messages' is consumable (e.g. credits, API calls). "
    "Entities can only be created for non-consumable features (e.g. seats)."
)


@pytest.mark.parametrize(
    ("entity_id", "feature_id", "status", "code", "message"),
    [
        ("e2", "nope", 404, "feature_not_found", "Feature nope not found"),
        ("e1", "seats", 409, "entity_already_exists", "Entity e1 already exists"),
        ("e2", "messages", 400, "invalid_request", CONSUMABLE),
    ],
)
def test_create_refuses(world: World, entity_id: str, feature_id: str, status: int, code: str, message: str) -> None:
    world.entity()
    with world.refused(status, code, message):
        world.entity(entity_id, feature_id=feature_id)


# -- get, list


def get(world: World, entity_id: str, customer_id: str | None = None) -> Entity:
    return entities.get(world.call(), entity_id, customer_id)[1]


@pytest.fixture
def shared(world: World) -> World:
    """An entity that one customer has, and one that two have."""
    world.entity("mine")
    world.entity("shared")
    world.entity("shared", "other")
    return world


def test_get_finds_an_entity_without_its_customer(shared: World) -> None:
    assert get(shared, "mine").id == "mine"
    assert get(shared, "shared", "other").customer == shared.customer("other").internal_id


AMBIGUOUS = (
    "More than one customer has an entity with ID 'shared'. "
    "Include customer_id in the request so we know which one to use."
)


@pytest.mark.parametrize(
    ("entity_id", "customer_id", "status", "code", "message"),
    [
        ("shared", None, 400, "entity_id_required", AMBIGUOUS),
        ("nope", None, 500, "internal_error", "Customer not found for entity nope"),
        ("nope", "c", 404, "entity_not_found", "Entity nope not found"),
        ("mine", "unknown", 404, "customer_not_found", "Customer unknown not found"),
    ],
)
def test_get_refuses(
    shared: World, entity_id: str, customer_id: str | None, status: int, code: str, message: str
) -> None:
    with shared.refused(status, code, message):
        get(shared, entity_id, customer_id)


def test_list_pages_and_filters(world: World) -> None:
    def ids(page: CountedPage[tuple[Account, Entity]]) -> list[str]:
        return [entity.id for _, entity in page.rows]

    for number in range(3):
        world.now += 1
        world.entity(f"e{number}")
    world.now += 1
    world.entity("x", "other")
    call = world.call()
    page = entities.list_(call, EntitiesList(limit=2))
    assert ids(page) == ["x", "e2"]
    assert ids(entities.list_(call, EntitiesList(), before=page.next)) == ["e1", "e0"]
    assert ids(entities.list_(call, EntitiesList(), offset=3)) == ["e0"]
    page = entities.list_(call, EntitiesList(customer_id="c"))
    assert (ids(page), page.total_count, page.filtered_count) == (["e2", "e1", "e0"], 4, 3)
    assert ids(entities.list_(call, EntitiesList(search="E1"))) == ["e1"]
    assert ids(entities.list_(call, EntitiesList(customer_id="unknown"))) == []


# -- update, delete


def test_update_sets_limits_of_one_entity(world: World) -> None:
    world.entity()
    world.entity("e2")
    world.balance(20)
    limit = {"feature_id": "messages", "limit": 3, "interval": "day"}
    body = {"entity_id": "e1", "billing_controls": {"usage_limits": [limit]}}
    entities.update(world.call(), parse(EntitiesUpdate, body))
    world.track(5, entity_id="e1")
    world.track(5, entity_id="e2")
    assert world.remaining() == 12


def test_delete_removes_everything_of_the_entity(world: World) -> None:
    world.plan("own", monthly(5))
    world.plan("split", monthly(7, entity_feature_id="seats"), group="other")
    for name in ("e1", "e2"):
        world.entity(name)
        world.balance(10, entity_id=name)
        world.attach("own", entity_id=name)
    world.attach("split")
    entities.delete(world.call(), "e1", "c")
    assert world.amounts(entity_id="e2") == (22, 22, 0)
    assert world.amounts() == (22, 22, 0)
    assert {row.entity_id for row in world.rows()} == {"e2", None}


NO_OWNER = "No customer found for entity 'nope'. Pass customer_id to identify the customer."


@pytest.mark.parametrize("call", ["update", "delete"])
@pytest.mark.parametrize(
    ("customer_id", "code", "message"),
    [(None, "customer_not_found", NO_OWNER), ("c", "entity_not_found", "Entity nope not found")],
)
def test_unknown_entities_are_refused(
    world: World, call: str, customer_id: str | None, code: str, message: str
) -> None:
    with world.refused(404, code, message):
        if call == "update":
            entities.update(world.call(), EntitiesUpdate(entity_id="nope", customer_id=customer_id))
        else:
            entities.delete(world.call(), "nope", customer_id)
