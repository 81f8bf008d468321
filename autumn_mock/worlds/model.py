"""A world as the server uses it: organisations, their keys, and the calls that fill their environments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from autumn_mock.domain.organisation import ApiKey, Env, OrganisationConfig, hash_key, mask_key, shown_key
from autumn_mock.domain.token_rates import Rates
from autumn_mock.domain.webhook import WebhookEndpoint
from autumn_mock.faults.grammar import Rule, RuleError, parse_rule
from autumn_mock.input_files import (
    NO_POSITION,
    InputFile,
    InputFileError,
    KeyPath,
    Problem,
    files_of,
    read_file,
    report,
)
from autumn_mock.input_schema import parse_file
from autumn_mock.operations import balances, customers, entities, features, plan_update, plans
from autumn_mock.operations.billing import attach, rewards
from autumn_mock.operations.billing.payment_methods import set_payment_method
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import invalid_request
from autumn_mock.store.changes import Change
from autumn_mock.store.documents import changes_of
from autumn_mock.store.errors import StoreError
from autumn_mock.store.tinyfile import is_ours, read_tables
from autumn_mock.wire.requests.balances import BalancesCreate
from autumn_mock.wire.requests.billing import BillingAttach
from autumn_mock.wire.requests.entities import EntitiesCreate
from autumn_mock.wire.requests.features import FeaturesUpdate
from autumn_mock.wire.requests.plans import PlansUpdate
from autumn_mock.wire.schema import obj
from autumn_mock.worlds.entries import (
    CustomerEntry,
    EnvironmentEntry,
    OrganisationEntry,
    WorldEntries,
    rates_of,
    unknown_names,
)
from autumn_mock.worlds.history import instant_of, made_at, record_event, set_usage

T = TypeVar("T")


class SeedStep(Struct, frozen=True):
    """One call, and the place of the entry that it is made for."""

    run: Callable[[Call], object]
    path: KeyPath
    #: The id of the customer that the call creates.
    customer_id: str | None = None
    #: When it is made (ms), or how long before the load (below zero); None: then.
    at: int | None = None

    def __call__(self, call: Call) -> None:
        """Make the call."""
        self.run(made_at(call, self.at))


def in_order(steps: Iterable[SeedStep], now: int) -> Iterator[SeedStep]:
    """Steps as they are made: those of one list that have a time are in the order of time."""
    for place, group in groupby(steps, lambda step: None if step.at is None else step.path[:-1]):
        made = list(group)
        yield from made if place is None else sorted(made, key=lambda step: instant_of(step.at, now))


class WorldOrganisation(Struct, frozen=True):
    """An organisation to create. ``created_at`` None: the time of loading."""

    #: Where its entries are, for the errors of the calls.
    file: InputFile
    id: str
    slug: str
    name: str
    created_at: int | None
    config: OrganisationConfig
    model_prices: dict[str, Rates]
    keys: tuple[ApiKey, ...]
    #: Its secret keys in plain text.
    secret_keys: tuple[str, ...]
    webhooks: tuple[WebhookEndpoint, ...]
    steps: Mapping[Env, tuple[SeedStep, ...]]
    faults: Mapping[Env, tuple[Rule, ...]]

    @property
    def secret_key(self) -> str | None:
        """The first of its secret keys; None when it has none."""
        return next(iter(self.secret_keys), None)


class World(Struct, frozen=True):
    """The initial state of a server."""

    file: InputFile
    organisations: tuple[WorldOrganisation, ...]
    #: The content of a snapshot, instead of organisations; empty for a world file.
    snapshot: tuple[Change, ...] = ()

    def rules_of(self, org_id: str, env: str) -> tuple[Rule, ...]:
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
        return self.rules_of(first, env)

    def holds(self, org_id: str) -> bool:
        """Whether it contains an organisation."""
        kept = (each.id for change in self.snapshot for each in change.put.get("organisations", ()))
        return org_id in kept or any(each.id == org_id for each in self.organisations)


def read_world(path: Path) -> World:
    """Read a world file, a snapshot, or all world files of a folder, in the order of their names.

    Raises :class:`~autumn_mock.input_files.InputFileError` with every error of the file, or of the first file with
    errors.
    """
    if path.is_dir():
        return _folder(path)
    if is_ours(path):
        return World(InputFile(path), (), _snapshot(path))
    organisations = _organisations(read_file(path))
    report(_duplicates(organisations))
    return World(organisations[0].file if organisations else InputFile(path), organisations)


def _folder(folder: Path) -> World:
    paths = files_of(folder)
    for path in paths:
        if is_ours(path):
            raise InputFileError(f"{path}: a snapshot cannot be one of several worlds; give it alone")
    organisations = tuple(each for path in paths for each in _organisations(read_file(path)))
    report(_duplicates(organisations))
    return World(InputFile(folder), organisations)


def read_world_content(content: Mapping[str, Any]) -> World:
    """Read the content of a world file. Errors name its keys, without lines. Raises as :func:`read_world` does."""
    file = InputFile(Path("world"), content, {(): NO_POSITION})
    organisations = _organisations(file)
    report(_duplicates(organisations))
    return World(file, organisations)


def _organisations(file: InputFile) -> tuple[WorldOrganisation, ...]:
    entries = parse_file(file, obj(WorldEntries), unknown_names)
    report(
        problem for index, entry in enumerate(entries.organisations) for problem in _foreign_rules(file, entry, index)
    )
    return tuple(_organisation(file, entry, index) for index, entry in enumerate(entries.organisations))


def _snapshot(path: Path) -> tuple[Change, ...]:
    """The content of a snapshot, or of the file of a stopped server."""
    try:
        return tuple(changes_of(read_tables(path).tables, path))
    except StoreError as error:
        raise InputFileError(str(error)) from None


def api_key(key: str, org_id: str, scopes: tuple[str, ...] = ()) -> ApiKey:
    """The record of a key. Its prefix decides which environment it opens, and whether it is publishable."""
    is_publishable = key.startswith("am_pk")  # no secret
    return ApiKey(
        hash=hash_key(key),
        hint=mask_key(key) if is_publishable else shown_key(key),
        org_id=org_id,
        env="sandbox" if key.startswith(("am_sk_test", "am_pk_test")) else "live",
        scopes=scopes,
        publishable=is_publishable,
    )


def _organisation(file: InputFile, entry: OrganisationEntry, index: int) -> WorldOrganisation:
    environments = list(_environments(entry, index))
    org_id = entry.id or f"org_{entry.slug.replace('-', '_')}"
    keys = entry.keys or ()
    return WorldOrganisation(
        file=file,
        id=org_id,
        slug=entry.slug,
        name=entry.name or entry.slug,
        created_at=entry.created_at,
        config=entry.config or OrganisationConfig(),
        model_prices={name: rates_of(each) for name, each in (entry.model_prices or {}).items()},
        secret_keys=tuple(each.key for each in keys if each.key.startswith("am_sk")),
        keys=tuple(api_key(each.key, org_id, tuple(each.scopes or ())) for each in keys),
        webhooks=tuple(WebhookEndpoint(each.url, each.secret) for each in entry.webhooks or ()),
        steps={env: tuple(_steps(each, path)) for env, each, path in environments},
        faults={env: tuple(_rules(each)) for env, each, _ in environments},
    )


def _environments(entry: OrganisationEntry, index: int) -> Iterator[tuple[Env, EnvironmentEntry, KeyPath]]:
    """The environments of an organisation, and where they are."""
    yield "sandbox", entry.sandbox or EnvironmentEntry(), ("organisations", index, "sandbox")
    yield "live", entry.live or EnvironmentEntry(), ("organisations", index, "live")


def _rules(environment: EnvironmentEntry) -> Iterator[Rule]:
    """The rules of an environment, and those of its customers, limited to the customer."""
    for text in environment.faults or ():
        yield parse_rule(text)
    for customer in environment.customers or ():
        for text in customer.faults or ():
            yield parse_rule(text).of_customer(customer.customer_id or "")


def _steps(environment: EnvironmentEntry, path: KeyPath) -> Iterator[SeedStep]:
    for place, feature in _entries(environment.features, (*path, "features")):
        yield SeedStep(partial(features.create, params=feature), place)
    for place, plan in _entries(environment.plans, (*path, "plans")):
        yield SeedStep(partial(plans.create, params=plan), place)
        for where, variant in _entries(plan.variants, (*place, "variants")):
            yield _plan_change(PlansUpdate(plan_id=plan.plan_id, variants=[variant]), where)
    for place, coupon in _entries(environment.rewards, (*path, "rewards")):
        named = replace(coupon, name=coupon.name or coupon.id)
        yield SeedStep(partial(rewards.create_coupon, params=named), place)
    for place, customer in _entries(environment.customers, (*path, "customers")):
        yield from customer_steps(customer, place)
    for place, plan in _entries(environment.plans, (*path, "plans")):
        if plan.archived:
            yield _plan_change(PlansUpdate(plan_id=plan.plan_id, archived=True), place)
    for place, feature in _entries(environment.features, (*path, "features")):
        if feature.archived:
            change = FeaturesUpdate(feature_id=feature.feature_id, archived=True)
            yield SeedStep(partial(features.update, feature_id=feature.feature_id, params=change), place)


def _plan_change(change: PlansUpdate, path: KeyPath) -> SeedStep:
    return SeedStep(partial(plan_update.update, plan_id=change.plan_id, params=change), path)


def customer_steps(customer: CustomerEntry, path: KeyPath) -> Iterator[SeedStep]:
    """Entities are created after the customer's plans, whose seats they take, and before plans of their own.

    Plans are attached without billing, unless an entry says ``no_billing_changes: false``: then they are bought.
    """
    owner = {"customer_id": customer.customer_id}
    attached = [_attachment(plan, owner, place) for place, plan in _entries(customer.plans, (*path, "plans"))]
    creation = partial(customers.get_or_create, params=customer)
    yield SeedStep(creation, path, customer.customer_id, customer.created_at)
    if customer.payment_method is not None:
        setting = partial(set_payment_method, customer_id=customer.customer_id or "", method=customer.payment_method)
        yield SeedStep(setting, (*path, "payment_method"))
    yield from (step for step, entity_id in attached if not entity_id)
    for place, entity in _entries(customer.entities, (*path, "entities")):
        sent, at = _dated(entity, "created_at")
        yield SeedStep(partial(entities.create, params=EntitiesCreate(**{**sent, **owner})), place, at=at)
    yield from (step for step, entity_id in attached if entity_id)
    for place, balance in _entries(customer.balances, (*path, "balances")):
        sent, at = _dated(balance, "created_at")
        yield SeedStep(partial(balances.create, params=BalancesCreate(**{**sent, **owner})), place, at=at)
    yield from _past_steps(customer, path)


def _past_steps(customer: CustomerEntry, path: KeyPath) -> Iterator[SeedStep]:
    """What was used. It follows the grants; what ``usage`` says is the present, whatever the events took."""
    owner = customer.customer_id or ""
    for place, event in _entries(customer.events, (*path, "events")):
        yield SeedStep(partial(record_event, customer_id=owner, entry=event), place, at=event.timestamp)
    for place, used in _entries(customer.usage, (*path, "usage")):
        yield SeedStep(partial(set_usage, customer_id=owner, entry=used), place)


def _attachment(plan: dict[str, Any], owner: dict[str, Any], path: KeyPath) -> tuple[SeedStep, str | None]:
    """The step that attaches a plan, and the entity that it is for."""
    sent, at = _dated(plan, "started_at")
    params = BillingAttach(**{**sent, **owner, "no_billing_changes": plan.get("no_billing_changes") is not False})
    return SeedStep(partial(_attach, params=params), path, at=at), params.entity_id


def _dated(entry: Mapping[str, Any], key: str) -> tuple[dict[str, Any], int | None]:
    """The body of a call, and when it was made."""
    return {name: value for name, value in entry.items() if name != key}, entry.get(key)


def _attach(call: Call, params: BillingAttach) -> None:
    """Attach a plan; 400 for one that is to be bought and cannot be paid for."""
    outcome = attach.attach(call, params)
    if outcome.checkout is not None or outcome.refusal is not None:
        raise invalid_request(
            f"plan '{params.plan_id}' cannot be bought: the customer has no card that works. Give the customer "
            "payment_method: ok, or leave no_billing_changes out"
        )


def _entries(entries: list[T] | None, path: KeyPath) -> Iterator[tuple[KeyPath, T]]:
    for index, entry in enumerate(entries or ()):
        yield (*path, index), entry


def _foreign_rules(file: InputFile, entry: OrganisationEntry, index: int) -> Iterator[Problem]:
    """Rules that are listed with one customer and name another."""
    for _, environment, path in _environments(entry, index):
        for place, customer in _entries(environment.customers, (*path, "customers")):
            for where, text in _entries(customer.faults, (*place, "faults")):
                try:
                    parse_rule(text).of_customer(customer.customer_id or "")
                except RuleError as error:
                    yield file.problem(where, str(error).splitlines()[0])


def _duplicates(organisations: tuple[WorldOrganisation, ...]) -> Iterator[Problem]:
    """Ids, slugs and keys that are used twice. Other duplicates are refused by the calls, except customers."""
    first: dict[tuple[str, ...], Problem] = {}
    for place, *name in _unique_names(organisations):
        known = first.setdefault(tuple(name), place)
        if known != place:
            where = "" if known.path == place.path else f"{known.path}, "
            yield place._replace(text=f"this {name[0]} is already used in {where}line {known.position.line}")


def _unique_names(organisations: tuple[WorldOrganisation, ...]) -> Iterator[tuple[Problem, str, str, str]]:
    """Every name that must be unique: where, the kind of name, within what, and the name."""
    counts: Counter[Path] = Counter()
    for organisation in organisations:
        index = counts[organisation.file.path]
        counts[organisation.file.path] += 1
        path: KeyPath = ("organisations", index)
        place = partial(organisation.file.problem, text="")
        yield place((*path, "slug")), "slug", "", organisation.slug
        yield place((*path, "id")), "organisation id", "", organisation.id
        for number, key in enumerate(organisation.keys):
            yield place((*path, "keys", number)), "key", "", key.hash
        for env, steps in organisation.steps.items():
            for step in steps:
                if step.customer_id:
                    within = f"{organisation.file.path} {index} {env}"
                    yield place((*step.path, "customer_id")), "customer id", within, step.customer_id
