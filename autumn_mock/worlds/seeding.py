"""Seeding a world: its organisations and keys are created, and the calls of its entries are made."""

from __future__ import annotations

from msgspec.structs import replace

from autumn_mock.domain.organisation import ApiKey, Env, Organisation, hash_key, shown_key
from autumn_mock.domain.version import Version
from autumn_mock.input_files import InputFileError
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import ApiError
from autumn_mock.store.errors import StoreError
from autumn_mock.store.state import State
from autumn_mock.worlds.model import World, WorldOrganisation, api_key, in_order

#: The API version in which the entries are written.
_VERSION = Version.NEWEST


def seed(state: State, world: World, only: tuple[str, Env] | None = None) -> None:
    """Add a world to a state, or (``only``) replace one environment by what the world has for it.

    Atomic, see :meth:`~autumn_mock.store.state.State.adopt`. Raises
    :class:`~autumn_mock.input_files.InputFileError` when a call refuses an entry, and ``OSError`` when the disk does.
    """
    stage = state.prepare()
    if world.snapshot:
        changes = [each for each in world.snapshot if only in (None, (each.org, each.env))]
        stage.restore(changes, {only[0]: only[0]} if only is not None else None)
        try:
            stage.check(world.file.path)
        except StoreError as error:
            raise InputFileError(str(error)) from None
    for organisation in world.organisations:
        wanted = [env for env in organisation.steps if only in (None, (organisation.id, env))]
        if wanted and stage.organisation(organisation.id) is None:
            stage.add(_record(organisation, stage.clock_of(organisation.id).now()), organisation.keys)
        for env in wanted:
            _fill(stage, organisation, env)
    state.adopt(stage)


def open_copy(state: State, template: World, key: str, *, is_temporary: bool = False) -> ApiKey:
    """Add an organisation for a key, as a copy of the first one of a world, without its webhooks. Atomic.

    ``is_temporary``: see :class:`~autumn_mock.domain.organisation.Organisation`. Raises :class:`ValueError` when the
    key exists, or when the world has no organisation; ``OSError`` when the disk refuses the write.
    """
    name = hash_key(key)[:12]
    opened = api_key(key, organisation_id(key))
    if state.has_key(opened.hash):
        raise ValueError(f"the key {shown_key(key)} already exists")
    first = _first(template)
    if first is None:
        raise ValueError("the world has no organisation to copy")
    # The server's time, not the organisation's: it selects the API version of requests that name none.
    created_at = state.clock.now() if first.created_at is None else first.created_at
    organisation = Organisation(
        id=opened.org_id,
        name=f"org-{name}",
        slug=f"org-{name}",
        created_at=created_at,
        config=first.config,
        model_prices=first.model_prices,
        is_temporary=is_temporary,
    )
    stage = state.prepare()
    stage.add(organisation, [opened])
    fill_copy(stage, template, (opened.org_id, opened.env))
    state.adopt(stage)
    return opened


def fill_copy(state: State, template: World, name: tuple[str, Env]) -> None:
    """Fill an empty environment like that of the first organisation of a world.

    Raises :class:`~autumn_mock.input_files.InputFileError`, perhaps half-way, for a world that was never seeded.
    """
    first = _first(template)
    if first is None:
        return
    org_id, env = name
    if template.snapshot:
        changes = [each for each in template.snapshot if each.env == env]
        state.restore(changes, {first.id: org_id})
    else:
        copy = replace(template.organisations[0], id=org_id)
        _fill(state, copy, env)


def _first(template: World) -> Organisation | WorldOrganisation | None:
    """The first organisation of a world or snapshot."""
    kept = (each for change in template.snapshot for each in change.put.get("organisations", ()))
    return next(kept, None) or next(iter(template.organisations), None)


def _record(given: WorldOrganisation, now: int) -> Organisation:
    created_at = now if given.created_at is None else given.created_at
    return Organisation(
        id=given.id,
        name=given.name,
        slug=given.slug,
        created_at=created_at,
        config=given.config,
        model_prices=given.model_prices,
    )


def _fill(state: State, organisation: WorldOrganisation, env: Env) -> None:
    steps = organisation.steps[env]
    if not steps:
        return
    environment = state.environment(organisation.id, env)
    call = Call(environment, _VERSION, environment.clock.now())
    for step in in_order(steps, call.now):
        try:
            step(call)
        except ApiError as error:
            raise organisation.file.problem(step.path, error.message).error from None


def organisation_id(key: str) -> str:
    """The id of the organisation of an additional key, derived from the key."""
    return f"org_{hash_key(key)[:12]}"


def organisation_for_key(key: str, now: int) -> tuple[Organisation, ApiKey]:
    """The empty organisation of an additional key, with an id derived from the key."""
    name = hash_key(key)[:12]
    organisation = Organisation(id=organisation_id(key), name=f"org-{name}", slug=f"org-{name}", created_at=now)
    return organisation, api_key(key, organisation.id)
