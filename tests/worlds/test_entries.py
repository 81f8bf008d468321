"""The errors of world files: file, line, key and what is possible."""

from __future__ import annotations

import json

import pytest

from autumn_mock.clock import Clock
from autumn_mock.input_files import InputFileError
from autumn_mock.store.state import State
from autumn_mock.worlds import read_world, seed
from tests.support.refusals import without_path

from .conftest import WriteWorld

#: Line 5 of a world, and everything before it.
_HEAD = """\
organisations:
  - slug: acme
    keys: [am_sk_test_acme]
    sandbox:
"""
_MESSAGES = "{feature_id: messages, name: Messages, type: metered, consumable: true}"
_CUSTOMER = f"""\
      features: [{_MESSAGES}]
      plans: [{{plan_id: free, name: Free}}]
      customers:
        - customer_id: cus_1
"""


def refusal(write_world: WriteWorld, text: str, name: str = "world.yaml") -> str:
    """The error of a world as ``LINE: KEY: TEXT``."""
    path = write_world(text, name)
    with pytest.raises(InputFileError) as caught:
        seed(State(Clock()), read_world(path))
    return without_path(caught.value, path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("plain text", "1: Invalid input: expected object, received string"),
        ("- a list", "1: Invalid input: expected object, received array"),
        ("{}", "1: organisations: Invalid input: expected array, received undefined"),
        ("organisations: x", "1: organisations: Invalid input: expected array, received string"),
        ("organisations:\n  - name: x", "2: organisations.0.slug: must be a string (received undefined)"),
        (
            "organisations:\n  - slug: a b",
            "2: organisations.0.slug: must contain only letters, numbers, underscores, hyphens",
        ),
        (
            "organisations:\n  - slug: a\n    created_at: soon",
            "3: organisations.0.created_at: must be a date, an instant in ISO 8601 or milliseconds since 1970",
        ),
        (
            "organisations:\n  - slug: a\n    created_at: true",
            "3: organisations.0.created_at: must be a date, an instant in ISO 8601 or milliseconds since 1970",
        ),
        (
            "organisations:\n  - slug: a\n    config: {reverse_deduction_ordr: true}",
            "3: organisations.0.config.reverse_deduction_ordr: unknown key, did you mean 'reverse_deduction_order'?",
        ),
        (
            "organisations:\n  - slug: a\n    sandbx: {}",
            "3: organisations.0.sandbx: unknown key, did you mean 'sandbox'?",
        ),
        (
            "organisations:\n  - slug: a\n    keys:\n      - sk_test_a",
            "4: organisations.0.keys.0: must begin with am_sk_test_, am_sk_live_, am_pk_test_ or am_pk_live_; "
            "then letters, numbers, underscores, hyphens",
        ),
        (
            "organisations:\n  - slug: a\n    keys:\n      - key: am_sk_test_a\n        scopes: [customer:read]",
            "5: organisations.0.keys.0.scopes.0: unknown scope, did you mean 'customers:read'?",
        ),
        (
            "organisations:\n  - slug: a\n    keys: [am_sk_test_a]\n  - slug: b\n    keys:\n      - key: am_sk_test_a",
            "6: organisations.1.keys.0: this key is already used in line 3",
        ),
        (
            "organisations:\n  - slug: a\n  - slug: b\n    id: org_a",
            "4: organisations.1.id: this organisation id is already used in line 2",
        ),
        (
            "organisations:\n  - slug: a\n  - id: other\n    slug: a",
            "4: organisations.1.slug: this slug is already used in line 2",
        ),
    ],
)
def test_read_world_refuses_organisations(write_world: WriteWorld, text: str, message: str) -> None:
    assert refusal(write_world, text) == message


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (
            "      feature: []",
            "5: organisations.0.sandbox.feature: unknown key, did you mean 'features'?",
        ),
        (
            "      features:\n        - {feature_id: a, name: A, type: meterd}",
            "6: organisations.0.sandbox.features.0.type: "
            "must be one of: boolean, metered, credit_system, ai_credit_system",
        ),
        (
            "      features:\n        - feature_id: a\n          nmae: A\n          type: boolean",
            "6: organisations.0.sandbox.features.0.name: must be a string (received undefined)\n"
            "7: organisations.0.sandbox.features.0.nmae: unknown key, did you mean 'name'?",
        ),
        (
            "      features:\n        - {feature_id: a, name: A, type: boolean}\n"
            "        - {feature_id: a, name: A, type: boolean}",
            "7: organisations.0.sandbox.features.1: Feature a already exists",
        ),
        (
            "      features:\n        - {feature_id: a, name: A, type: credit_system}",
            "6: organisations.0.sandbox.features.0.credit_schema: Please specify the credit schema for the feature.",
        ),
        (
            f"      features:\n        - {_MESSAGES}\n        - feature_id: credits\n          name: Credits\n"
            "          type: credit_system\n          credit_schema:\n"
            "            - {metered_feature_id: message, credit_cost: 2}",
            "11: organisations.0.sandbox.features.1.credit_schema.0.metered_feature_id: "
            "there is no feature 'message', did you mean 'messages'?",
        ),
        (
            "      plans:\n        - {plan_id: pro plan, name: Pro}",
            "6: organisations.0.sandbox.plans.0.plan_id: must contain only letters, numbers, underscores, hyphens",
        ),
        (
            f"      features: [{_MESSAGES}]\n      plans:\n        - plan_id: pro\n          name: Pro\n"
            "          items:\n            - feature_id: mesages\n              included: 5",
            "10: organisations.0.sandbox.plans.0.items.0.feature_id: "
            "there is no feature 'mesages', did you mean 'messages'?",
        ),
        (
            f"      features: [{_MESSAGES}]\n      plans:\n        - plan_id: pro\n          name: Pro\n"
            "          items:\n            - feature_id: messages\n              includes: 5",
            "11: organisations.0.sandbox.plans.0.items.0.includes: unknown key, did you mean 'included'?",
        ),
        (
            "      customers:\n        - {customer_id: a@b}",
            "6: organisations.0.sandbox.customers.0.customer_id: "
            "cannot contain @ symbol. Use only letters, numbers, underscores, hyphens, and colons.",
        ),
        (
            "      customers:\n        - customer_id: a\n        - customer_id: a",
            "7: organisations.0.sandbox.customers.1.customer_id: this customer id is already used in line 6",
        ),
        (
            "      customers:\n        - {customer_id: null, name: Unknown}",
            "6: organisations.0.sandbox.customers.0: Either customer ID or email is required",
        ),
    ],
)
def test_read_world_refuses_environments(write_world: WriteWorld, entries: str, message: str) -> None:
    assert refusal(write_world, _HEAD + entries) == message


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (
            "          balances:\n            - feature_id: messages\n              included_grant: lots",
            "11: {}.balances.0.included_grant: must be a number (received string)",
        ),
        (
            "          balances:\n            - feature_id: message\n              included_grant: 5",
            "10: {}.balances.0.feature_id: there is no feature 'message', did you mean 'messages'?",
        ),
        (
            "          balances:\n            - feature_id: messages\n              included_grant: 5\n"
            "              customer_id: cus_2",
            "12: {}.balances.0.customer_id: unknown key. Known: feature_id, entity_id, included_grant, "
            "unlimited, reset, rollover, expires_at, next_reset_at, balance_id, granted_balance, created_at",
        ),
        (
            "          balances:\n            - {feature_id: messages}",
            "10: {}.balances.0: input: Invalid input",
        ),
        (
            "          balances:\n            - {feature_id: messages, included_grant: 1, balance_id: b}\n"
            "            - {feature_id: messages, included_grant: 1, balance_id: b}",
            "11: {}.balances.1: balance_id 'b' is already in use for this customer",
        ),
        (
            "          balances:\n            - {feature_id: messages, included_grant: 1, entity_id: seat}",
            "10: {}.balances.0: Entity seat not found",
        ),
        ("          plans: [fre]", "9: {}.plans.0: there is no plan 'fre', did you mean 'free'?"),
        (
            "          plans:\n            - {plan_id: pro}",
            "10: {}.plans.0.plan_id: there is no plan 'pro'. Known: free",
        ),
        (
            "          plans:\n            - free\n            - 5",
            "11: {}.plans.1: Invalid input: expected object, received number",
        ),
        (
            "          plans:\n            - free\n            - free",
            "11: {}.plans.1: Cannot attach because the customer's current product 'free' "
            "is the same as the product being attached",
        ),
        (
            "          plans:\n            - {plan_id: free, remove_plan_ids: [fre]}",
            "10: {}.plans.0.remove_plan_ids.0: there is no plan 'fre', did you mean 'free'?",
        ),
        (
            "          entities:\n            - {entity_id: e, feature_id: messages}",
            "10: {}.entities.0: Feature 'messages' is consumable (e.g. credits, API calls). "
            "Entities can only be created for non-consumable features (e.g. seats).",
        ),
        (
            "          entities:\n            - {feature_id: messages}",
            "10: {}.entities.0.entity_id: must be a string (received undefined)",
        ),
        (
            "          auto_enable_plan_id: pro",
            "9: {}.auto_enable_plan_id: there is no plan 'pro'. Known: free",
        ),
    ],
)
def test_read_world_refuses_customers(write_world: WriteWorld, entries: str, message: str) -> None:
    expected = message.format("organisations.0.sandbox.customers.0")
    assert refusal(write_world, _HEAD + _CUSTOMER + entries) == expected


@pytest.mark.parametrize(
    ("webhooks", "message"),
    [
        ("[ftp://x]", "3: organisations.0.webhooks.0: must be a URL that begins with http:// or https://"),
        ("[{}]", "3: organisations.0.webhooks.0.url: must be a string (received undefined)"),
        ("[{url: 'http://x', secret: x}]", "3: organisations.0.webhooks.0.secret: must be whsec_ and then base64"),
        ("[{url: 'http://x', sekret: x}]", "3: organisations.0.webhooks.0.sekret: unknown key, did you mean 'secret'?"),
        ("http://x", "3: organisations.0.webhooks: Invalid input: expected array, received string"),
    ],
)
def test_read_world_refuses_webhooks(write_world: WriteWorld, webhooks: str, message: str) -> None:
    assert refusal(write_world, f"organisations:\n  - slug: a\n    webhooks: {webhooks}\n") == message


def test_read_world_accepts_any_keys_in_metadata(write_world: WriteWorld) -> None:
    text = _HEAD + _CUSTOMER + "          metadata: {feature_id: anything, plan_id: {customer_id: 5}}"
    read_world(write_world(text))


def test_read_world_refuses_features_of_another_environment(write_world: WriteWorld) -> None:
    text = _HEAD + f"      features: [{_MESSAGES}]\n    live:\n      plans:\n        - plan_id: p\n          name: P\n"
    text += "          items: [{feature_id: messages}]"
    expected = "10: organisations.0.live.plans.0.items.0.feature_id: there is no feature 'messages'"
    assert refusal(write_world, text) == expected


def test_read_world_reports_the_lines_of_json(write_world: WriteWorld) -> None:
    world = {"organisations": [{"slug": "a", "sandbox": {"customers": [{"customer_id": "c", "naem": 1}]}}]}
    expected = "9: organisations.0.sandbox.customers.0.naem: unknown key, did you mean 'name'?"
    assert refusal(write_world, json.dumps(world, indent=2), "world.json") == expected
