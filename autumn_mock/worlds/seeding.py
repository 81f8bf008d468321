"""Making a world true: organisations, keys, and the calls that its entries stand for."""

from __future__ import annotations

from dataclasses import replace

from autumn_mock.domain.organisation import ApiKey, Env, Organisation, hash_key
from autumn_mock.domain.version import Version
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import ApiError
from autumn_mock.store.state import State
from autumn_mock.worlds.model import World, WorldOrganisation, api_key

#: The wording of the entries, and what the calls do with it.
_VERSION = Version.NEWEST


def seed(state: State, world: World, only: tuple[str, Env] | None = None) -> None:
    """Add a world to a state, or only what it says of one environment, in the place of what is in that.

    All of it at one moment, as :meth:`~autumn_mock.store.state.State.adopt` says, or nothing: when a call refuses an
    entry (:class:`~autumn_mock.worlds.document.WorldError`), or the disk does (``OSError``).
    """
    stage = state.prepare()
    if world.snapshot:
        changes = [each for each in world.snapshot if only in (None, (each.org, each.env))]
        stage.restore(changes, {only[0]: only[0]} if only is not None else None)
    for organisation in world.organisations:
        wanted = [env for env in organisation.steps if only in (None, (organisation.id, env))]
        if wanted and organisation.id not in stage.organisations:
            stage.add(_record(organisation, stage.clock_of(organisation.id).now()), organisation.keys)
        for env in wanted:
            _fill(stage, world, organisation, env)
    state.adopt(stage)


def open_copy(state: State, template: World, key: str) -> ApiKey:
    """Add an organisation of its own for a key, like the first one of a world: at one moment, or not at all. Webhooks
    are not copied.

    Raises :class:`ValueError` when the key is taken, or when the world has no organisation; ``OSError`` when the disk
    refuses it.
    """
    name = hash_key(key)[:12]
    opened = api_key(key, organisation_id(key))
    if opened.hash in state.keys:
        raise ValueError(f"the key {opened.hint} is taken")
    first = _first(template)
    if first is None:
        raise ValueError("the world has no organisation that another one could be like")
    # The server's time, not the organisation's own: by it the version is chosen for who names none.
    created_at = state.clock.now() if first.created_at is None else first.created_at
    organisation = Organisation(
        id=opened.org_id, name=f"org-{name}", slug=f"org-{name}", created_at=created_at, config=first.config
    )
    stage = state.prepare()
    stage.add(organisation, [opened])
    fill_copy(stage, template, (opened.org_id, opened.env))
    state.adopt(stage)
    return opened


def fill_copy(state: State, template: World, name: tuple[str, Env]) -> None:
    """Fill an environment that is empty like that of the first organisation of a world, step by step.

    A world that was never seeded may raise :class:`~autumn_mock.worlds.document.WorldError` half way.
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
        _fill(state, template, copy, env)


def _first(template: World) -> Organisation | WorldOrganisation | None:
    """The first organisation of a world, however it is written."""
    kept = (each for change in template.snapshot for each in change.put.get("organisations", ()))
    return next(kept, None) or next(iter(template.organisations), None)


def _record(given: WorldOrganisation, now: int) -> Organisation:
    created_at = now if given.created_at is None else given.created_at
    return Organisation(id=given.id, name=given.name, slug=given.slug, created_at=created_at, config=given.config)


def _fill(state: State, world: World, organisation: WorldOrganisation, env: Env) -> None:
    steps = organisation.steps[env]
    if not steps:
        return
    environment = state.environment(organisation.id, env)
    call = Call(environment, _VERSION, environment.clock.now())
    for step in steps:
        try:
            step.run(call)
        except ApiError as error:
            raise world.problem(step.path, error.message).error from None


def organisation_id(key: str) -> str:
    """The id of the organisation that a further key opens: always the same one for the same key."""
    return f"org_{hash_key(key)[:12]}"


def organisation_for_key(key: str, now: int) -> tuple[Organisation, ApiKey]:
    """The organisation that a further key opens: empty, and always the same one for the same key."""
    name = hash_key(key)[:12]
    organisation = Organisation(id=organisation_id(key), name=f"org-{name}", slug=f"org-{name}", created_at=now)
    return organisation, api_key(key, organisation.id)
