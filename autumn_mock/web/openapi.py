"""The OpenAPI document of everything under /v1: made from the operations as they are declared.

It describes the newest version of the API. Bodies come from the schemas that check them, answers from
:mod:`autumn_mock.wire.responses.shapes`.
"""

from __future__ import annotations

import re
from typing import Any

from autumn_mock import __version__
from autumn_mock.domain.version import Version
from autumn_mock.web.endpoint import Endpoint
from autumn_mock.web.resources import ENDPOINTS
from autumn_mock.wire.responses.shapes import ERROR
from autumn_mock.wire.schema import Object

Json = dict[str, Any]

#: What any call under /v1 may answer besides its own statuses, and when.
_ERRORS = {
    "400": "The request cannot be understood, or not done",
    "401": "No key, an unknown one, or one that may not call this",
    "403": "The key's scopes do not include this",
    "404": "What is named does not exist",
    "409": "Taken: an id, a lock, an idempotency key",
    "500": "A later check of the inputs failed",
    "503": "Nothing could be queued; a retry is safe",
}


def document(url: str) -> Json:
    """The document, for a server at ``url``."""
    paths: dict[str, Json] = {}
    schemas: dict[str, Json] = {"Error": ERROR.json_schema()}
    for operation in ENDPOINTS:
        request = operation.request_at(Version.V2_3)
        if request is not None:
            schemas[f"{operation.name}.request"] = request.json_schema()
        for status, shape in operation.answers.items():
            schemas[f"{operation.name}.{status}"] = shape.json_schema()
        for index, route in enumerate(operation.routes):
            method, path = route.split(" ")
            path = re.sub(r"<(\w+)>", r"{\1}", path)
            paths.setdefault(path, {})[method.lower()] = _operation(operation, path, index)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "autumn-mock",
            "version": __version__,
            "description": "What this emulator serves of the Autumn billing API, newest version.",
        },
        "servers": [{"url": url}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": schemas,
        },
    }


def _operation(operation: Endpoint, path: str, index: int) -> Json:
    described: Json = {
        "operationId": operation.name if index == 0 else f"{operation.name}_{index}",
        "tags": [operation.name.split(".")[0].split("/")[0]],
        "parameters": [*_path_parameters(path), *_query_parameters(operation), _VERSION],
        "responses": {**_answers(operation), **_errors()},
    }
    if index:
        described["description"] = f"An older route to {operation.name}."
    if operation.request is not None:
        described["requestBody"] = {"content": _json(f"{operation.name}.request")}
    return described


_VERSION: Json = {
    "name": "x-api-version",
    "in": "header",
    "schema": {"type": "string", "enum": ["2.3.0", "2.4.0"], "default": "2.3.0"},
}


def _path_parameters(path: str) -> list[Json]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in re.findall(r"\{(\w+)\}", path)
    ]


def _query_parameters(operation: Endpoint) -> list[Json]:
    if not isinstance(operation.query, Object):
        return []
    schema = operation.query.json_schema()
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": described}
        for name, described in schema.get("properties", {}).items()
    ]


def _answers(operation: Endpoint) -> Json:
    return {
        str(status): {"description": "Done", "content": _json(f"{operation.name}.{status}")}
        for status in operation.answers
    }


def _json(name: str) -> Json:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}


def _errors() -> Json:
    described: Json = {status: {"description": text, "content": _json("Error")} for status, text in _ERRORS.items()}
    described["429"] = {
        "description": "Over a limit",
        "content": {"text/plain": {"schema": {"type": "string"}}},
        "headers": {"retry-after": {"schema": {"type": "integer"}, "description": "Seconds"}},
    }
    return described
