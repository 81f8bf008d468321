"""The OpenAPI document says what the server does, and the server does what it says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from autumn_mock import create_app
from autumn_mock.emulator import Emulator
from autumn_mock.web.resource import OPERATIONS
from tests.web.conftest import KEY

#: Answers that are 500 on the real server too, and so here: a schema inside the handler, an entity of nobody.
_ON_PURPOSE = ("input: Invalid input", "Customer not found for entity")

_CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]


#: What the default world holds, by the parameter that names it: guessed names hardly get past a 404.
_EXISTING = {"customer_id": "cus_123", "feature_id": "messages", "plan_id": "pro"}


def _name_what_exists(case: Any) -> None:
    for parameters in (case.body, case.path_parameters):
        if isinstance(parameters, dict):
            parameters.update({name: value for name, value in _EXISTING.items() if name in parameters})
    if isinstance(case.body, dict):
        for name in ("entity_id", "customer_data"):
            case.body.pop(name, None)


def _labels() -> list[str]:
    return sorted(route.replace("<", "{").replace(">", "}") for operation in OPERATIONS for route in operation.routes)


@pytest.fixture(scope="module")
def api() -> Iterator[Any]:
    with Emulator(rate_limit="off") as emulator:
        yield schemathesis.openapi.from_wsgi("/_mock/openapi.json", create_app(emulator))


@pytest.fixture(scope="module")
def described(api: Any) -> dict[str, Any]:
    found = (operation.ok() for operation in api.get_all_operations())
    return {operation.label: operation for operation in found}


@pytest.mark.parametrize("label", _labels())
def test_every_operation_answers_as_the_document_says(described: dict[str, Any], label: str) -> None:
    @settings(max_examples=15, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=described[label].as_strategy(), existing=st.booleans())
    def run(case: Any, existing: bool) -> None:
        case.headers["Authorization"] = f"Bearer {KEY}"
        if existing:
            _name_what_exists(case)
        response = case.call()
        if response.status_code == 500:
            message = response.json()["message"]
            assert message.startswith(_ON_PURPOSE), message
        case.validate_response(response, checks=_CHECKS)

    run()


def test_the_document_lists_every_route(described: dict[str, Any]) -> None:
    assert sorted(described) == _labels()
