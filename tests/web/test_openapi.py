"""The OpenAPI document describes what the server does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, not_a_server_error
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from autumn_mock import create_app
from autumn_mock.engine import Engine
from autumn_mock.web.resources.registry import ROUTES
from tests.support.effort import examples
from tests.web.conftest import KEY

#: Messages of the 500 replies that the real server gives, too.
_ON_PURPOSE = ("input: Invalid input", "Customer not found for entity")

_KEY = {"Authorization": f"Bearer {KEY}"}
#: Checks that do not hold for the real service: it treats an unreadable body as ``{}``, and refuses more than a schema
#: can express (a feature and an event name at once, a plan that does not exist).
_UNTRUE = [negative_data_rejection, positive_data_acceptance]
_CHECKS = [check for check in CHECKS.get_all() if check not in _UNTRUE]


#: What the default world has, by parameter: generated ids are mostly unknown and end in a 404.
_EXISTING = {"customer_id": "cus_123", "feature_id": "messages", "plan_id": "pro"}


def _name_what_exists(case: Any) -> None:
    for parameters in (case.body, case.path_parameters):
        if isinstance(parameters, dict):
            parameters.update({name: value for name, value in _EXISTING.items() if name in parameters})
    if isinstance(case.body, dict):
        for name in ("entity_id", "customer_data"):
            case.body.pop(name, None)


def _labels() -> list[str]:
    return sorted(route.replace("<", "{").replace(">", "}") for route in ROUTES)


@pytest.fixture(scope="module")
def api() -> Iterator[Any]:
    with Engine(rate_limit="off") as emulator:
        yield schemathesis.openapi.from_wsgi("/_mock/openapi.json", create_app(emulator))


@pytest.fixture(scope="module")
def described(api: Any) -> dict[str, Any]:
    found = (operation.ok() for operation in api.get_all_operations())
    return {operation.label: operation for operation in found}


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("label", _labels())
def test_openapi_describes_the_replies_of_every_call(
    described: dict[str, Any], label: str, mode: GenerationMode
) -> None:
    @settings(max_examples=examples(6), deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=described[label].as_strategy(generation_mode=mode), existing=st.booleans())
    def run(case: Any, existing: bool) -> None:
        if existing:
            _name_what_exists(case)
        response = case.call(headers=_KEY)
        checks = _CHECKS
        if response.status_code == 500:
            message = response.json()["message"]
            assert message.startswith(_ON_PURPOSE), message
            checks = [check for check in checks if check is not not_a_server_error]
        case.validate_response(response, checks=checks, headers=_KEY)

    run()


def test_openapi_lists_every_route(described: dict[str, Any]) -> None:
    assert sorted(described) == _labels()
