"""A world as the program sees it: organisations, their keys, and the calls that fill their environments."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from autumn_mock.domain.organisation import ApiKey, Env, OrganisationConfig, hash_key, mask_key
from autumn_mock.domain.webhook import DEFAULT_SECRET, Endpoint
from autumn_mock.faults.grammar import Rule, RuleError, parse_rule
from autumn_mock.operations import balances, billing, customers, entities, features, plans
from autumn_mock.operations.call import Call
from autumn_mock.store.changes import Change
from autumn_mock.store.documents import changes_of
from autumn_mock.store.errors import StoreError
from autumn_mock.store.tinyfile import is_ours, read_tables
from autumn_mock.wire.requests.balances import BalancesCreate
from autumn_mock.wire.requests.billing import BillingAttach
from autumn_mock.wire.requests.customers import CustomersGetOrCreate
from autumn_mock.wire.requests.entities import EntitiesCreate
from autumn_mock.wire.schema import Issues
from autumn_mock.worlds.document import Document, KeyPath, Problem, WorldError, report
from autumn_mock.worlds.files import read_document
from autumn_mock.worlds.schema import WORLD, unknown_keys, unknown_names

_ENVIRONMENTS: tuple[Env, ...] = ("sandbox", "live")


@dataclass(slots=True, frozen=True)
class SeedStep:
    """One call that an entry of the file stands for, and where that entry is."""

    run: Callable[[Call], object]
    path: KeyPath
    #: The id of the customer that the call creates.
    customer_id: str | None = None


@dataclass(slots=True, frozen=True)
class WorldOrganisation:
    """An organisation to make. ``created_at`` None: the moment of loading."""

    id: str
    slug: str
    name: str
    created_at: int | None
    config: OrganisationConfig
    keys: tuple[ApiKey, ...]
    #: The first of its secret keys, as it is written; None when it has none.
    secret_key: str | None
    webhooks: tuple[Endpoint, ...]
    steps: Mapping[Env, tuple[SeedStep, ...]]
    faults: Mapping[Env, tuple[Rule, ...]]


@dataclass(slots=True, frozen=True)
class World:
    """What a server starts from."""

    document: Document
    organisations: tuple[WorldOrganisation, ...]
    #: What a snapshot holds, in place of organisations; empty for a world that somebody wrote.
    snapshot: tuple[Change, ...] = ()

    def board_for(self, org_id: str, env: str) -> tuple[Rule, ...]:
        """The rules that are armed in an environment from the start."""
        return tuple(
            rule
            for each in self.organisations
            if each.id == org_id
            for name, rules in each.faults.items()
            if name == env
            for rule in rules
        )

    def startup_rules(self, env: str) -> tuple[Rule, ...]:
        """The same for an environment that is a copy of the first organisation's."""
        first = self.organisations[0].id if self.organisations else ""
        return self.board_for(first, env)

    def holds(self, org_id: str) -> bool:
        """Whether it says something of an organisation."""
        kept = (each.id for change in self.snapshot for each in change.put.get("organisations", ()))
        return org_id in kept or any(each.id == org_id for each in self.organisations)

    def problem(self, path: KeyPath, text: str) -> Problem:
        """Something that is wrong with the entry at a place."""
        return self.document.problem(path, text)


def read_world(path: Path) -> World:
    """A world from its file, or :class:`~autumn_mock.worlds.document.WorldError` with all that is wrong with it."""
    if is_ours(path):
        return World(Document(path), (), _snapshot(path))
    document = read_document(path)
    issues = Issues(0)
    content = WORLD.check(document.data, (), issues)
    issues += [*unknown_keys(document.data), *unknown_names(document.data)]
    report(document.problem(issue.path, issue.text) for issue in issues)
    report(_others_rules(document, content))
    organisations = tuple(
        _organisation(given, ("organisations", index)) for index, given in enumerate(content["organisations"])
    )
    report(_taken(document, organisations))
    return World(document, organisations)


def _snapshot(path: Path) -> tuple[Change, ...]:
    """The content of a file that was saved as a snapshot, or that a server left at rest."""
    try:
        return tuple(changes_of(read_tables(path).tables, path))
    except StoreError as error:
        raise WorldError(str(error)) from None


def api_key(key: str, org_id: str, scopes: tuple[str, ...] = ()) -> ApiKey:
    """The record of a key. Its first words say which environment it opens and what may be done with it."""
    return ApiKey(
        hash=hash_key(key),
        hint=mask_key(key),
        org_id=org_id,
        env="sandbox" if key.startswith(("am_sk_test", "am_pk_test")) else "live",
        scopes=scopes,
        publishable=key.startswith("am_pk"),
    )


def _organisation(given: Mapping[str, Any], path: KeyPath) -> WorldOrganisation:
    slug = given["slug"]
    org_id = given.get("id") or f"org_{slug.replace('-', '_')}"
    return WorldOrganisation(
        id=org_id,
        slug=slug,
        name=given.get("name") or slug,
        created_at=given.get("created_at"),
        config=OrganisationConfig(**given.get("config") or {}),
        secret_key=next((each["key"] for each in given.get("keys") or () if each["key"].startswith("am_sk")), None),
        keys=tuple(api_key(each["key"], org_id, tuple(each.get("scopes") or ())) for each in given.get("keys") or ()),
        webhooks=tuple(
            Endpoint(each["url"], each.get("secret") or DEFAULT_SECRET) for each in given.get("webhooks") or ()
        ),
        steps={env: tuple(_steps(given.get(env) or {}, (*path, env))) for env in _ENVIRONMENTS},
        faults={env: tuple(_faults(given.get(env) or {})) for env in _ENVIRONMENTS},
    )


def _faults(environment: Mapping[str, Any]) -> Iterator[Rule]:
    """The rules of an environment, and those of its customers, which are theirs alone."""
    for text in environment.get("faults") or ():
        yield parse_rule(text)
    for customer in environment.get("customers") or ():
        for text in customer.get("faults") or ():
            yield parse_rule(text).of_customer(customer["customer_id"])


def _steps(environment: Mapping[str, Any], path: KeyPath) -> Iterator[SeedStep]:
    for place, feature in _entries(environment, "features", path):
        yield SeedStep(partial(features.create, params=feature), place)
    for place, plan in _entries(environment, "plans", path):
        yield SeedStep(partial(plans.create, params=plan), place)
    for place, customer in _entries(environment, "customers", path):
        yield from _customer_steps(customer, place)


def _customer_steps(customer: Mapping[str, Any], path: KeyPath) -> Iterator[SeedStep]:
    """Entities come after the customer's plans, whose seats they take, and before their own."""
    owner = customer["customer_id"]
    created = CustomersGetOrCreate(
        **{name: customer[name] for name in CustomersGetOrCreate.__struct_fields__ if name in customer}
    )
    attached = [
        (BillingAttach(**{**plan, "customer_id": owner, "no_billing_changes": True}), place)
        for place, plan in _entries(customer, "plans", path)
    ]
    yield SeedStep(partial(customers.get_or_create, params=created), path, owner)
    for plan, place in attached:
        if not plan.entity_id:
            yield SeedStep(partial(billing.attach, params=plan), place)
    for place, entity in _entries(customer, "entities", path):
        entity_params = EntitiesCreate(**{**entity, "customer_id": owner})
        yield SeedStep(partial(entities.create, params=entity_params), place)
    for plan, place in attached:
        if plan.entity_id:
            yield SeedStep(partial(billing.attach, params=plan), place)
    for place, balance in _entries(customer, "balances", path):
        balance_params = BalancesCreate(**{**balance, "customer_id": owner})
        yield SeedStep(partial(balances.create, params=balance_params), place)


def _others_rules(document: Document, content: Mapping[str, Any]) -> Iterator[Problem]:
    """Rules that stand with one customer and are of another."""
    for number, organisation in enumerate(content["organisations"]):
        for env in _ENVIRONMENTS:
            path: KeyPath = ("organisations", number, env)
            for place, customer in _entries(organisation.get(env) or {}, "customers", path):
                for index, text in enumerate(customer.get("faults") or ()):
                    try:
                        parse_rule(text).of_customer(customer["customer_id"])
                    except RuleError as error:
                        yield document.problem((*place, "faults", index), str(error).splitlines()[0])


def _entries(parent: Mapping[str, Any], key: str, path: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    for index, entry in enumerate(parent.get(key) or ()):
        yield (*path, key, index), entry


def _taken(document: Document, organisations: tuple[WorldOrganisation, ...]) -> Iterator[Problem]:
    """Ids, slugs and keys that two have. Of features and the like the calls tell; a customer they would only get."""
    first: dict[tuple[str, ...], KeyPath] = {}
    for path, *name in _claims(organisations):
        place = first.setdefault(tuple(name), path)
        if place != path:
            line = document.problem(place, "").line
            yield document.problem(path, f"this {name[0]} is taken; it is on line {line} already")


def _claims(organisations: tuple[WorldOrganisation, ...]) -> Iterator[tuple[KeyPath, str, str, str]]:
    """What may be there once: where, what it is, within what, and its name."""
    for index, organisation in enumerate(organisations):
        path: KeyPath = ("organisations", index)
        yield (*path, "slug"), "slug", "", organisation.slug
        yield (*path, "id"), "organisation id", "", organisation.id
        for number, key in enumerate(organisation.keys):
            yield (*path, "keys", number), "key", "", key.hash
        for env, steps in organisation.steps.items():
            for step in steps:
                if step.customer_id:
                    yield (*step.path, "customer_id"), "customer id", f"{index} {env}", step.customer_id
