"""The JSON Schema of scenario files, for editors."""

from __future__ import annotations

from autumn_mock.input_schema import file_schema
from autumn_mock.scenarios.model import ScenarioEntries
from autumn_mock.wire.schema import obj
from autumn_mock.wire.schema.base import JsonSchema


def scenario_schema() -> JsonSchema:
    """The JSON Schema of scenario files."""
    return file_schema(obj(ScenarioEntries), "A scenario of autumn-mock: a failure mode, step by step")
