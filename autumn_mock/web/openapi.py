"""The OpenAPI document of everything under /v1, derived from the endpoints.

It describes the newest version of the API: requests by the schemas that check them, answers by their structs.
"""

from __future__ import annotations

import re
from types import UnionType
from typing import Any, Union, get_args, get_origin

from msgspec.json import schema_components

from autumn_mock import __version__
from autumn_mock.domain.version import Version
from autumn_mock.web.endpoint import Endpoint
from autumn_mock.web.resources.registry import ENDPOINTS
from autumn_mock.wire.answer import Error
from autumn_mock.wire.schema import Object
from autumn_mock.wire.versions import VERSIONS_OF_NEWEST_SHAPE

Json = dict[str, Any]

#: The error statuses of any call under /v1.
_ERRORS = {
    "400": "The request is invalid, or cannot be carried out",
    "401": "The key is missing, unknown, or may not call this",
    "403": "The key's scopes do not include this",
    "404": "A record that the request names does not exist",
    "409": "An id, a lock or an idempotency key is already in use",
    "500": "A later check of the inputs failed",
    "503": "Nothing was queued; a retry is safe",
}


def document(url: str) -> Json:
    """The document, for a server at ``url``."""
    paths: dict[str, Json] = {}
    schemas = _answer_schemas()
    for operation in ENDPOINTS:
        request = operation.request_at(Version.NEWEST)
        if request is not None:
            schemas[f"{operation.name}.request"] = request.json_schema()
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
    if operation.keyless:
        described["security"] = []
        described["responses"]["410"] = {"description": "The page is over", "content": _json("Error")}
    if operation.request is not None:
        described["requestBody"] = {"content": _json(f"{operation.name}.request")}
    return described


def _answer_schemas() -> dict[str, Json]:
    """The schemas of the answers, by endpoint and status, and of the structs that they consist of, by name."""
    answers = {
        f"{each.name}.{status}": answer
        for each in ENDPOINTS
        for status, answer in each.answers.items()
        if answer is not None
    }
    structs = {
        name: get_args(answer) if get_origin(answer) in (Union, UnionType) else (answer,)
        for name, answer in answers.items()
    }
    every = dict.fromkeys([Error, *(struct for each in structs.values() for struct in each)])
    references, schemas = schema_components(every, ref_template="#/components/schemas/{name}")
    reference = dict(zip(every, references, strict=True))
    for struct in every:
        for name in getattr(struct, "for_older_versions", ()):
            del schemas[struct.__name__]["properties"][name]
    for name, each in structs.items():
        schemas[name] = {"anyOf": [reference[struct] for struct in each]} if len(each) > 1 else reference[each[0]]
    return schemas


_VERSION: Json = {
    "name": "x-api-version",
    "in": "header",
    "description": "A version for which this document is correct; older ones are served, too.",
    "schema": {"type": "string", "enum": [version.value for version in VERSIONS_OF_NEWEST_SHAPE]},
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
        if answer is not None
        else {"description": "Leads to a page", "headers": {"location": {"schema": {"type": "string"}}}}
        for status, answer in operation.answers.items()
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
