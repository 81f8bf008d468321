"""A world that is read from a server answers like that server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from autumn_mock.data.public_client import PublicClient
from autumn_mock.data.reading import read_sandbox
from autumn_mock.data.world_file import world_text
from autumn_mock.engine import Engine
from autumn_mock.input_files import InputFileError
from autumn_mock.web import create_app

NOW = 1_790_000_000_000
KEY = "am_sk_test_secret_of_the_far_end"

RICH = """
organisations:
  - slug: far
    name: Far end
    keys: [am_sk_test_secret_of_the_far_end]
    sandbox:
      features:
        - {feature_id: messages, name: Messages, type: metered, consumable: true, event_names: [sent]}
        - {feature_id: words, name: Words, type: metered, consumable: true, display: {singular: word, plural: words}}
        - {feature_id: seats, name: Seats, type: metered, consumable: false}
        - {feature_id: sso, name: SSO, type: boolean}
        - {feature_id: beta, name: Beta, type: boolean}
        - {feature_id: gone, name: Gone, type: metered, consumable: true, archived: true}
        - feature_id: credits
          name: Credits
          type: credit_system
          credit_schema:
            - {metered_feature_id: words, credit_cost: 0.2}
            - {metered_feature_id: messages, credit_cost: 3}
        - {feature_id: ai, name: AI, type: ai_credit_system, default_markup: 20}
      plans:
        - plan_id: free
          name: Free
          auto_enable: true
          items: [{feature_id: messages, included: 10, reset: {interval: day}}, {feature_id: seats, included: 2}]
        - plan_id: pro
          name: Pro
          description: For teams
          price: {amount: 20, interval: month}
          free_trial: {duration_length: 7, duration_type: day, card_required: false}
          items:
            - feature_id: messages
              included: 1000
              reset: {interval: month}
              price: {amount: 0.5, interval: month, billing_units: 10, billing_method: usage_based}
            - {feature_id: messages, included: 5}
            - feature_id: credits
              included: 50
              reset: {interval: month}
              rollover: {max: 20, expiry_duration_type: month}
            - {feature_id: sso}
            - {feature_id: seats, included: 3}
          variants:
            - {variant_plan_id: pro_year, name: Pro yearly, customize: {price: {amount: 200, interval: year}}}
          billing_controls: {usage_alerts: [{feature_id: messages, threshold: 90, threshold_type: usage_percentage}]}
        - plan_id: packs
          name: Packs
          add_on: true
          items:
            - feature_id: words
              included: 100
              reset: {interval: month}
              price: {amount: 5, interval: month, billing_units: 100, billing_method: prepaid}
            - {feature_id: messages, included: 7, entity_feature_id: seats, reset: {interval: month}}
        - plan_id: once
          name: Lifetime
          group: other
          price: {amount: 99, interval: one_off}
          items: [{feature_id: ai, unlimited: true}, {feature_id: words, included: 9}]
        - plan_id: tiers
          name: Tiers
          group: tiers
          items:
            - feature_id: words
              price:
                tiers: [{to: 100, amount: 1}, {to: inf, amount: 0.5}]
                interval: month
                billing_method: usage_based
        - plan_id: pool
          name: Pool
          group: pool
          items: [{feature_id: credits, included: 5, pooled: true, reset: {interval: month}}]
        - {plan_id: legacy, name: Legacy, group: old, archived: true, items: [{feature_id: words, included: 3}]}
      customers:
        - customer_id: plain
          created_at: -400d
          events: [{feature_id: messages, value: 4}]
        - customer_id: team
          name: Team
          email: team@example.com
          created_at: -90d
          metadata: {tier: gold, nested: {a: [1, 2]}}
          payment_method: ok
          billing_controls:
            spend_limits: [{feature_id: messages, enabled: true, overage_limit: 30}]
            usage_limits: [{feature_id: words, limit: 500, interval: month}]
          entities:
            - {entity_id: s1, feature_id: seats, name: Desk, created_at: -4d}
            - {entity_id: s2, feature_id: seats, created_at: -3d}
          plans:
            - {plan_id: pro, started_at: -80d, free_trial: null}
            - {plan_id: packs, started_at: -70d, feature_quantities: [{feature_id: words, quantity: 300}]}
            - {plan_id: once, started_at: -1d, entity_id: s2}
          balances:
            - {feature_id: messages, included_grant: 250, balance_id: boost}
            - {feature_id: messages, included_grant: 25, reset: {interval: week}}
            - {feature_id: words, included_grant: 40, entity_id: s1}
            - {feature_id: beta}
          events:
            - {feature_id: messages, value: 1300, timestamp: -60d}
            - {feature_id: messages, value: 1500, timestamp: -1d}
            - {feature_id: words, value: 280, timestamp: -2h}
            - {feature_id: messages, value: 2, entity_id: s1, timestamp: -2h}
            - {feature_id: words, value: 12.5, entity_id: s1, timestamp: -1h}
          usage: [{feature_id: messages, plan_id: packs, entity_id: s2, usage: 3}]
        - customer_id: trying
          plans: [{plan_id: pro_year, started_at: -2d, ends_at: 4102444800000}, tiers]
          usage: [{feature_id: words, usage: 130}]
        - customer_id: special
          plans:
            - plan_id: pro
              started_at: -10d
              free_trial: null
              subscription_id: own
              customize: {price: {amount: 5, interval: month}, items: [{feature_id: messages, included: 77}]}
            - legacy
          usage: [{feature_id: words, plan_id: legacy, included_grant: 8, usage: 1}]
        - customer_id: leaving
          entities: [{entity_id: s1, feature_id: seats}, {entity_id: s3, feature_id: seats}]
          plans:
            - {plan_id: pro, started_at: -30d, free_trial: null}
            - free
            - {plan_id: pool, entity_id: s1}
            - {plan_id: pool, entity_id: s3}
          events: [{feature_id: credits, value: 54}]
        - customer_id: without_plans
          internal_options: {disable_defaults: true}
          balances: [{feature_id: credits, included_grant: 12, created_at: -40d, reset: {interval: month}}]
          events: [{feature_id: words, value: 30, timestamp: -35d}, {feature_id: words, value: 10}]
"""


def client_of(engine: Engine, key: str) -> PublicClient:
    return PublicClient("http://far.example/v1", key, httpx.WSGITransport(create_app(engine)))


def far_customers(engine: Engine) -> list[str | None]:
    return [each.id for each in engine.state.environment(engine.world.organisations[0].id, "sandbox").customers]


#: What a server gives itself, and what only billing sets. What a usage limit has counted is not read either.
_OWN = {"price_id", "entitlement_id", "current_period_start", "current_period_end"}


def alike(value: Any, *, is_catalogue: bool = False) -> Any:
    """A body without the ids that a server gives itself."""
    if isinstance(value, list):
        return [alike(each, is_catalogue=is_catalogue) for each in value]
    if isinstance(value, str) and value.startswith(("cus_ent_", "cus_prod_", "cus_0", "pm_")):
        return "own id"
    if not isinstance(value, dict):
        return value
    left_out = {*_OWN, "created_at"} if is_catalogue else {*_OWN, "usage"} if "limit" in value else _OWN
    kept = {key: each for key, each in value.items() if key not in left_out}
    return {key: alike(each, is_catalogue=is_catalogue or key == "plan") for key, each in kept.items()}


def by_name(rows: list[Any]) -> list[Any]:
    return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))


def answers(client: PublicClient) -> Iterator[tuple[str, Any]]:
    """What a server says of everything, call by call."""
    features = client.post("/features.list")["list"]
    yield "features", features
    yield "plans", alike(client.post("/plans.list", include_archived=True)["list"], is_catalogue=True)
    entities = list(client.rows("/entities.list"))
    yield "entities", alike(by_name(entities))
    for customer in client.rows("/customers.list"):
        name = customer["id"]
        expand = ["entities", "subscriptions.plan", "purchases.plan", "payment_method"]
        yield f"customer {name}", alike(client.post("/customers.get", customer_id=name, expand=expand))
        yield f"balances {name}", by_name(alike(list(client.rows("/balances.list", customer_id=name))))
        for feature in features:
            asked = {"customer_id": name, "feature_id": feature["id"]}
            yield f"check {name} {feature['id']}", alike(client.post("/balances.check", **asked))
            for entity in entities:
                if entity["customer_id"] == name:
                    shown = client.post("/balances.check", **asked, entity_id=entity["id"])
                    yield f"check {name} {entity['id']} {feature['id']}", alike(shown)


@pytest.mark.parametrize("world", ["rich", "default", "recordings"])
def test_the_copy_answers_like_the_original(world: str, tmp_path: Path) -> None:
    source = tmp_path / "far.yaml"
    source.write_text(RICH)
    far = Engine(world=str(source) if world == "rich" else world, rate_limit="off", now=NOW, frozen=True)
    with client_of(far, far.first_key) as client:
        steps: list[tuple[int, int]] = []
        copied = read_sandbox(client, lambda *step: steps.append(step), now=NOW)
        assert steps == sorted(steps)
        count = 3 * len(far_customers(far))
        assert steps[-1:] == ([(count, count)] if count else [])
        assert read_sandbox(client, lambda _done, _total: None, now=NOW, most=1000) == copied
        expected = dict(answers(client))
    text = json.dumps(copied)
    assert KEY not in text
    copy = tmp_path / "copy.json"
    copy.write_text(text)
    near = Engine(world=str(copy), rate_limit="off", now=NOW, frozen=True)
    with client_of(near, near.first_key) as client:
        found = dict(answers(client))
    assert found.keys() == expected.keys()
    for name, body in expected.items():
        assert found[name] == body, name


def test_customers_without_an_id_and_other_names(tmp_path: Path) -> None:
    source = tmp_path / "far.yaml"
    source.write_text(
        "organisations: [{slug: far, keys: [am_sk_live_far], live: {features: [{feature_id: '1e5', name: 'null', "
        "type: boolean}], customers: [{customer_id: null, email: a@example.com}, {customer_id: c, name: 'true'}]}}]"
    )
    far = Engine(world=str(source), rate_limit="off")
    with client_of(far, far.first_key) as client:
        seen: list[tuple[int, int]] = []
        copied = read_sandbox(client, lambda *count: seen.append(count), now=far.state.clock.now(), is_live=True)
    assert seen == [(5, 6), (6, 6)]  # a third for each list, of which there are no rows
    copy = tmp_path / "copy.yaml"
    copy.write_text(world_text(copied, "A copy."))
    near = Engine(world=str(copy), rate_limit="off")
    (environment,) = near.state.environments()
    assert (environment.env, near.first_key) == ("live", "am_sk_live_far_copy")
    assert [(each.id, each.name, each.email) for each in environment.customers] == [
        (None, None, "a@example.com"),
        ("c", "true", None),
    ]
    assert [(each.id, each.name) for each in environment.features] == [("1e5", "null")]


def test_a_world_that_would_not_be_read_is_refused() -> None:
    with pytest.raises(InputFileError, match="larger than the limit of 16 MiB; take fewer customers"):
        world_text({"organisations": ["x" * (17 << 20)]}, "Large.")
