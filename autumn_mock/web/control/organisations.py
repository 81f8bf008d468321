"""Control calls about organisations: ``/_mock/organisations``."""

from __future__ import annotations

from typing import Any

import msgspec
from flask import Response

from autumn_mock.domain.organisation import Organisation, shown_key
from autumn_mock.engine import Engine
from autumn_mock.input_files import InputFileError, find_shipped
from autumn_mock.operations.errors import invalid_request
from autumn_mock.settings import read_key
from autumn_mock.store.environment import Environment
from autumn_mock.web.control.context import ControlCall, ControlHandler, ControlRequest
from autumn_mock.web.replies import json_reply
from autumn_mock.worlds import World, read_world, read_world_content


def list_organisations(request: ControlRequest) -> Response:
    """The organisations: which environments their keys open, when they were last used (ms), and whether on demand.

    ``closes_at`` (ms) is when a temporary one is closed unless a request uses it; null for those that stay.
    """
    engine, environment = request.engine, request.environment()
    rows = []
    for each in engine.state.organisations.snapshot():
        if environment is None or each.id == environment.organisation.id:
            keys = list(engine.state.keys.of(each.id).values())
            rows.append(
                {
                    "id": each.id,
                    "slug": each.slug,
                    "name": each.name,
                    "envs": sorted({key.env for key in keys}, reverse=True),
                    "keys": [shown_key(key.hint) for key in keys],
                    "last_used": engine.last_use.of(each.id),
                    "on_demand": engine.is_on_demand(each.id),
                    "closes_at": _closes_at(engine, each),
                }
            )
    return json_reply({"list": rows})


def _closes_at(engine: Engine, organisation: Organisation) -> int | None:
    idle, used = engine.settings.auto_org_idle, engine.last_use.of(organisation.id)
    return used + idle if organisation.is_temporary and idle is not None and used is not None else None


def open_organisation(request: ControlRequest) -> Response:
    """Open an organisation: a copy of the one of the key ``like`` as it is now, or of the first one of a shipped
    ``world``, or of a world that is given as an object, or of the server's own world; replies its ``key``.

    ``name`` and ``slug`` are those that it is listed with.
    """
    fields = request.fields()
    content = fields.pop("world") if isinstance(fields.get("world"), dict) else None
    given = _texts(fields)
    world, key, like = given.pop("world", content), given.pop("key", None), given.pop("like", None)
    if world is not None and like is not None:
        raise invalid_request("input: give a world or like, not both")
    try:
        template = _world(world) if world is not None else None
        if like is not None:
            template = request.engine.template_like(like)
        opened = request.engine.open_organisation(template, read_key(key) if key is not None else None, **given)
    except (ValueError, InputFileError) as error:
        raise invalid_request(str(error)) from None
    return json_reply(msgspec.to_builtins(opened), 201)


def _world(world: str | dict[str, Any]) -> World:
    return read_world_content(world) if isinstance(world, dict) else read_world(find_shipped("world", world))


def name_organisation(request: ControlRequest) -> Response:
    """Give the organisation of the key another ``name``, ``slug``, or both."""
    environment, given = _selected(request), _texts(request.fields())
    if not given:
        raise invalid_request("input: give a name, a slug, or both")
    try:
        named = request.engine.name_organisation(environment.organisation.id, **given)
    except ValueError as error:
        raise invalid_request(str(error)) from None
    return json_reply({"id": named.id, "slug": named.slug, "name": named.name})


def close_organisation(request: ControlRequest) -> Response:
    """Remove the organisation of the key, and everything in it; replies its id and slug, and how much was deleted."""
    organisation = _selected(request).organisation
    deleted = request.engine.close_organisation(organisation.id)
    return json_reply({"removed": organisation.id, "slug": organisation.slug, "deleted": deleted})


def _selected(request: ControlRequest) -> Environment:
    environment = request.environment()
    if environment is None:
        raise invalid_request("Authorization: give the secret key of the organisation")
    return environment


def _texts(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields that were given, which must be strings."""
    given = {name: value for name, value in fields.items() if value is not None}
    for name, value in given.items():
        if not isinstance(value, str) or not value or len(value) > 200 or not value.isprintable():
            other = ", or the content of a world file" if name == "world" else ""
            raise invalid_request(f"{name}: must be a string of 1 to 200 printable characters{other}")
    return given


ROUTES: dict[str, ControlHandler] = {
    "GET /organisations": list_organisations,
    "POST /organisations": ControlCall(open_organisation, ("world", "like", "key", "name", "slug")),
    "PATCH /organisations": ControlCall(name_organisation, ("name", "slug")),
    "DELETE /organisations": close_organisation,
}
