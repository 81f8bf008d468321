"""Seeding a state with a world."""

from __future__ import annotations

import pytest

from autumn_mock.clock import Clock
from autumn_mock.domain.amount import number
from autumn_mock.domain.organisation import Env, hash_key
from autumn_mock.input_files import InputFileError, find_file, shipped_files
from autumn_mock.operations.billing.payment_methods import payment_method
from autumn_mock.operations.subjects import get_customer
from autumn_mock.store.environment import Environment
from autumn_mock.store.state import State
from autumn_mock.worlds import organisation_for_key, read_world, seed

from .conftest import WriteWorld

_NOW = 1_790_000_000_000

_WORLD = """
organisations:
  - slug: acme-inc
    name: Acme
    created_at: 2026-06-01
    config: {reverse_deduction_order: true}
    keys:
      - am_sk_test_acme
      - am_pk_test_acme
      - am_sk_live_acme
      - {key: am_sk_test_reader, scopes: [customers:read, balances:read]}
    sandbox:
      features:
        - {feature_id: messages, name: Messages, type: metered, consumable: true, event_names: [message.sent]}
        - {feature_id: seats, name: Seats, type: metered, consumable: false}
      plans:
        - plan_id: pro
          name: Pro
          price: {amount: 20, interval: month}
          items: [{feature_id: messages, included: 100, reset: {interval: month}}, {feature_id: seats, included: 5}]
        - plan_id: extra
          name: Extra
          add_on: true
          items: [{feature_id: messages, included: 7}]
      customers:
        - customer_id: cus_1
          name: Ada
          entities: [{entity_id: seat_1, feature_id: seats}, {entity_id: seat_2, feature_id: seats}]
          plans: [pro, {plan_id: extra, entity_id: seat_2}]
          balances:
            - {feature_id: messages, included_grant: 1000, balance_id: gift}
            - {feature_id: messages, included_grant: 0.5, entity_id: seat_1}
        - customer_id: cus_2
    live:
      features:
        - {feature_id: sso, name: Single Sign-On, type: boolean}
  - slug: plain
"""


def fresh_state() -> State:
    return State(Clock(lambda: _NOW))


def shipped(name: str) -> State:
    state = fresh_state()
    seed(state, read_world(find_file("world", name)))
    return state


def balances(environment: Environment, customer_id: str) -> list[tuple[str, str | None, str | None, float]]:
    """Feature, plan, entity and what is left, of each row of a customer."""
    owner = get_customer(environment, customer_id).internal_id
    rows = environment.balances.of(owner).values()
    return [(row.feature_id, row.plan_id, row.entity_id, number(row.balance)) for row in rows]


def env_of(state: State, key: str) -> tuple[str, Env]:
    record = state.keys.get(hash_key(key))
    assert record is not None
    return record.org_id, record.env


def content(environment: Environment) -> dict[str, int]:
    return {name: len(table) for name, table in environment.tables.items() if len(table)}


# -- worlds of the tests


def test_seed_adds_organisations_and_keys(write_world: WriteWorld) -> None:
    state = fresh_state()
    seed(state, read_world(write_world(_WORLD)))
    acme, plain = state.organisations
    assert (acme.id, acme.slug, acme.name) == ("org_acme_inc", "acme-inc", "Acme")
    assert acme.created_at == 1780272000000
    assert acme.config.reverse_deduction_order
    assert not acme.config.persist_free_overage
    assert (plain.id, plain.slug, plain.name, plain.created_at) == ("org_plain", "plain", "plain", _NOW)
    assert [(key.env, key.publishable, key.scopes, key.hint) for key in state.keys] == [
        ("sandbox", False, (), "am_sk_test_ac**"),
        ("sandbox", True, (), "am_pk_test_acme"),
        ("live", False, (), "am_sk_live_ac**"),
        ("sandbox", False, ("customers:read", "balances:read"), "am_sk_test_rea***"),
    ]
    assert all(key.org_id == "org_acme_inc" for key in state.keys)


def test_seed_fills_environments(write_world: WriteWorld) -> None:
    state = fresh_state()
    seed(state, read_world(write_world(_WORLD)))
    sandbox = state.environment("org_acme_inc", "sandbox")
    assert [(each.id, each.consumable, each.event_names) for each in sandbox.features] == [
        ("messages", True, ("message.sent",)),
        ("seats", False, ()),
    ]
    assert [each.id for each in sandbox.plans] == ["pro", "extra"]
    assert balances(sandbox, "cus_1") == [
        ("messages", "pro", None, 100),
        ("seats", "pro", None, 3),  # its entities take seats, wherever they are listed
        ("messages", "extra", "seat_2", 7),
        ("messages", None, None, 1000),
        ("messages", None, "seat_1", 0.5),
    ]
    assert balances(sandbox, "cus_2") == []
    assert get_customer(sandbox, "cus_1").name == "Ada"
    assert content(state.environment("org_acme_inc", "live")) == {"features": 1}
    assert len(state.environments("org_plain")) == 0


def test_seed_creates_records_at_the_time_of_loading(write_world: WriteWorld) -> None:
    state = fresh_state()
    state.clock_of("org_acme_inc").advance(5)
    seed(state, read_world(write_world(_WORLD)))
    sandbox = state.environment("org_acme_inc", "sandbox")
    records = [*sandbox.features, *sandbox.plans, *sandbox.customers, *sandbox.entities, *sandbox.balances]
    assert {each.created_at for each in records} == {_NOW + 5}


def test_seed_fills_one_environment_only(write_world: WriteWorld) -> None:
    state, world = fresh_state(), read_world(write_world(_WORLD))
    seed(state, world)
    sandbox, live = state.environment("org_acme_inc", "sandbox"), state.environment("org_acme_inc", "live")
    before = content(sandbox)
    sandbox.clear()
    live.clear()
    seed(state, world, only=("org_acme_inc", "sandbox"))
    assert content(sandbox) == before
    assert content(live) == {}
    seed(state, world, only=("org_unheard_of", "sandbox"))
    assert len(state.organisations) == 2


def test_seed_changes_nothing_if_a_call_refuses_an_entry(write_world: WriteWorld) -> None:
    state = fresh_state()
    path = write_world(_WORLD + "    sandbox: {customers: [{customer_id: null, name: Unknown}]}\n")
    with pytest.raises(InputFileError, match=r"Either customer ID or email is required$"):
        seed(state, read_world(path))
    assert len(state.organisations) == len(state.keys) == 0
    assert state.environments() == []


def test_seed_makes_calls_at_the_time_of_the_state(write_world: WriteWorld) -> None:
    text = f"""
        organisations:
          - slug: acme
            sandbox:
              features: [{{feature_id: messages, name: Messages, type: metered, consumable: true}}]
              customers:
                - customer_id: cus_1
                  balances:
                    - {{feature_id: messages, included_grant: 1, reset: {{interval: day}}, next_reset_at: {_NOW + 1}}}
    """
    world = read_world(write_world(text))
    seed(fresh_state(), world)
    with pytest.raises(InputFileError, match=r":9:15: .*balances\.0: next_reset_at must be in the future$"):
        seed(State(Clock(lambda: _NOW + 1)), world)


def test_organisation_for_key_is_empty_and_derived_from_the_key() -> None:
    organisation, key = organisation_for_key("am_sk_live_mine", _NOW)
    assert organisation_for_key("am_sk_live_mine", _NOW) == (organisation, key)
    assert organisation_for_key("am_sk_test_mine", _NOW)[0].id != organisation.id
    assert (key.org_id, key.env, key.publishable) == (organisation.id, "live", False)
    assert key.hash == hash_key("am_sk_live_mine")
    assert organisation.created_at == _NOW


# -- the shipped ones


@pytest.mark.parametrize("name", shipped_files("world"))
def test_seed_accepts_every_shipped_world(name: str) -> None:
    assert len(shipped(name).organisations)


def test_default_world_has_the_examples_of_the_documentation() -> None:
    state = shipped("default")
    org, env = env_of(state, "am_sk_test_autumn_mock")
    assert (org, env) == ("org_autumn_mock", "sandbox")
    sandbox = state.environment(org, env)
    assert [each.id for each in sandbox.features] == ["messages", "ai_messages", "api_calls", "seats", "sso", "credits"]
    assert [each.id for each in sandbox.plans] == ["free", "pro"]
    assert not any(each.auto_enable for each in sandbox.plans)
    free = [("messages", "free", None, 100), ("api_calls", "free", None, 1000), ("seats", "free", None, 3)]
    assert balances(sandbox, "cus_123") == [*free, ("messages", None, None, 1000)]
    assert balances(sandbox, "cus_456") == [("messages", None, None, 1000)]
    assert balances(sandbox, "cus_alice") == [
        ("messages", "pro", None, 10000),
        ("credits", "pro", None, 500),
        ("seats", "pro", None, 10),
        ("sso", "pro", None, 0),
    ]
    assert balances(sandbox, "cus_bob") == [*free, ("ai_messages", None, None, 100)]
    assert balances(sandbox, "cus_carol") == [
        ("ai_messages", None, None, 100),
        ("credits", None, None, 50),
        ("api_calls", None, "seat_1", 20),
    ]
    assert [each.id for each in sandbox.entities] == ["seat_1", "seat_2"]


def test_default_world_has_a_small_live_environment() -> None:
    state = shipped("default")
    org, env = env_of(state, "am_sk_live_autumn_mock")
    assert (org, env) == ("org_autumn_mock", "live")
    live, sandbox = state.environment(org, env), state.environment(org, "sandbox")
    assert content(live) == {"features": 6}
    assert list(live.features) == list(sandbox.features)
    assert env_of(state, "am_pk_test_autumn_mock") == (org, "sandbox")


def test_recordings_world_has_what_recordings_need() -> None:
    state = shipped("recordings")
    assert [(each.id, each.slug, each.created_at) for each in state.organisations] == [
        ("org_oracle_main", "oracle-main", 1780272000000),
        ("org_oracle_scen", "oracle-scen", 1780272000000),
        ("org_oracle_old", "oracle-old", 1736467200000),
    ]
    org, env = env_of(state, "am_sk_test_oracleold000000000000000000000000000000")
    assert balances(state.environment(org, env), "cus_1") == [("messages", None, None, 1000)]
    reader = state.keys.get(hash_key("am_sk_test_oracleread00000000000000000000000000"))
    assert reader is not None
    assert reader.scopes == ("customers:read", "balances:read")


def test_empty_world_is_empty() -> None:
    state = shipped("empty")
    assert env_of(state, "am_sk_test_empty") == ("org_empty", "sandbox")
    assert state.environments() == []


def test_seed_gives_customers_their_payment_method(write_world: WriteWorld) -> None:
    world = _WORLD.replace("name: Ada", "payment_method: declines")
    world = world.replace("- customer_id: cus_2", "- {customer_id: cus_2, payment_method: none}")
    state = fresh_state()
    seed(state, read_world(write_world(world)))
    sandbox = state.environment("org_acme_inc", "sandbox")
    assert payment_method(get_customer(sandbox, "cus_1")) == "declines"
    assert payment_method(get_customer(sandbox, "cus_2")) == "none"


def test_seed_buys_plans_that_say_so(write_world: WriteWorld) -> None:
    bought = "plans: [{plan_id: pro, no_billing_changes: false}, {plan_id: extra, entity_id: seat_2}]"
    world = _WORLD.replace("plans: [pro, {plan_id: extra, entity_id: seat_2}]", bought)
    state = fresh_state()
    seed(state, read_world(write_world(world.replace("name: Ada", "payment_method: ok"))))
    sandbox = state.environment("org_acme_inc", "sandbox")
    (subscription,), (invoice,) = sandbox.subscriptions, sandbox.invoices
    assert (invoice.status, float(invoice.total), invoice.subscription) == ("paid", 20, subscription.id)
    assert [each.billed_by for each in sandbox.customer_plans] == [subscription.id, None]
    with pytest.raises(InputFileError, match="plan 'pro' cannot be bought: the customer has no card that works"):
        seed(fresh_state(), read_world(write_world(world)))


_REWARDS = """
      rewards:
        - {id: launch, type: percentage_discount, value: 20, plan_ids: [pro], promo_codes: [LAUNCH20]}
        - id: loyal
          name: Loyal customers
          type: fixed_discount
          value: 5
          duration: {type: months, length: 3}
          promo_codes: [{code: LOYAL, global_max_redemption: 10, first_time_transaction: true}]
        - {id: staff, type: percentage_discount, value: 100, duration: forever}
      customers:
"""


def test_seed_gives_an_environment_its_coupons(write_world: WriteWorld) -> None:
    state = fresh_state()
    seed(state, read_world(write_world(_WORLD.replace("\n      customers:\n", _REWARDS))))
    launch, loyal, staff = state.environment("org_acme_inc", "sandbox").coupons
    assert (launch.name, float(launch.value), launch.duration) == ("launch", 20, "one_off")
    assert launch.plan_ids == ("pro",)
    assert [each.code for each in launch.promo_codes] == ["LAUNCH20"]
    assert (loyal.name, loyal.duration, loyal.months) == ("Loyal customers", "months", 3)
    assert (loyal.promo_codes[0].global_max_redemption, loyal.promo_codes[0].first_time_transaction) == (10, True)
    assert (staff.duration, staff.promo_codes, staff.plan_ids) == ("forever", (), None)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("plan_ids: [pro]", "plan_ids: [prof]", "there is no plan 'prof'"),
        ("plan_ids: [pro]", "plan_ids: 5", "plan_ids: Invalid input: expected array, received number"),
        ("value: 20", "value: 120", "value of a percentage_discount must be at most 100"),
        ("duration: {type: months, length: 3}", "duration: months", "length is required"),
        ("percentage_discount, value: 20", "free_product, value: 20", "type: "),
        ("LAUNCH20", "LOYAL", "Promotion code LOYAL already exists"),
    ],
)
def test_seed_refuses_wrong_coupons(write_world: WriteWorld, old: str, new: str, message: str) -> None:
    text = _WORLD.replace("\n      customers:\n", _REWARDS.replace(old, new))
    with pytest.raises(InputFileError, match=message):
        seed(fresh_state(), read_world(write_world(text)))


def test_seed_refuses_an_unknown_payment_method(write_world: WriteWorld) -> None:
    path = write_world(_WORLD.replace("name: Ada", "payment_method: gold"))
    with pytest.raises(InputFileError, match=r"payment_method: .*none.*needs_3ds"):
        read_world(path)
