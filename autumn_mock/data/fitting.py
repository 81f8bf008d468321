"""Bodies of replies as parameters of calls: what a schema knows of them, without what is a default anyway."""

from __future__ import annotations

from typing import Any

from autumn_mock.wire.schema import Array, Object, Schema
from autumn_mock.wire.schema.compounds import AsJson, Default, Nullable, Optional

_MISSING = object()


def fitted(schema: Schema[Any], value: Any) -> Any:
    """The value without the keys that the schema does not know, and without nulls and defaults."""
    found = _fitted(schema, value)
    return None if found is _MISSING else found


def _fitted(schema: Schema[Any], value: Any) -> Any:
    default: Any = _MISSING
    while isinstance(schema, (Optional, Nullable, Default, AsJson)):
        if isinstance(schema, Default):
            default = schema.value
        schema = schema.inner
    if value is None or value == default:
        return _MISSING
    if isinstance(schema, Object) and isinstance(value, dict):
        pairs = {key: _fitted(field, value[key]) for key, field in schema.fields.items() if key in value}
        return {key: each for key, each in pairs.items() if each is not _MISSING}
    if isinstance(schema, Array) and isinstance(value, list):
        return [each for each in (_fitted(schema.item, item) for item in value) if each is not _MISSING]
    return value
