"""Who a control call is about, and what it says."""

from __future__ import annotations

from typing import Any

from flask import request

from autumn_mock.engine import Engine
from autumn_mock.operations.errors import ApiError, invalid_request
from autumn_mock.store.environment import Environment
from autumn_mock.wire.body import json_body


def environment_of(engine: Engine) -> Environment | None:
    """The environment that the bearer key names; None without a key, 401 for a wrong one."""
    header = request.headers.get("Authorization", "")
    token = header.removeprefix("Bearer ").strip()
    if not token:
        return None
    key = engine.find_key(token)
    if key is None:
        raise unknown_key()
    return engine.state.environment(key.org_id, key.env)


def unknown_key() -> ApiError:
    """What a control call is told whose key opens nothing."""
    return ApiError(401, "No organisation here has this key", "invalid_secret_key")


def name_of(engine: Engine) -> tuple[str, str] | None:
    """The name of that environment."""
    environment = environment_of(engine)
    return environment.name if environment is not None else None


def environments_of(engine: Engine) -> list[Environment]:
    """The environment that the bearer key names, or all that any key opens."""
    environment = environment_of(engine)
    if environment is not None:
        return [environment]
    for key in engine.state.keys.snapshot():  # a key opens its environment even before its first use
        engine.state.environment(key.org_id, key.env)
    return engine.state.environments()


def fields() -> dict[str, Any]:
    """The body; 400 unless it is an object."""
    body = json_body(request.get_data(cache=False))
    if not isinstance(body, dict):
        raise invalid_request("input: expected a JSON object")
    return body


def whole_number(name: str, default: int) -> int:
    """A whole number of the query; 400 for anything else."""
    value = request.args.get(name)
    if value is None:
        return default
    if not value.isascii() or not value.isdigit():
        raise invalid_request(f"{name}: must be a whole number")
    return int(value)
