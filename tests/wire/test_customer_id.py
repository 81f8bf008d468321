"""The rule for customer ids of the customers.* calls."""

from __future__ import annotations

from typing import Any

import pytest

from autumn_mock.wire.customer_id import CUSTOMER_ID, CUSTOMER_ID_OR_NULL
from autumn_mock.wire.requests.customers import CustomersCreate, CustomersGetOrCreate
from autumn_mock.wire.schema import ValidationFailed, obj, parse

ADVICE = "Use only letters, numbers, underscores, hyphens, and colons."


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("", "can't be an empty string"),
        ("a b@c.d", f"cannot contain @ symbol. {ADVICE}"),
        ("a b.c", f"cannot contain spaces. {ADVICE}"),
        ("a/b.c", f"cannot contain periods. {ADVICE}"),
        ("a/b!", f"cannot contain '/'. {ADVICE}"),
        ("a\n", f"cannot contain '\n'. {ADVICE}"),
        ("\u00e9", f"cannot contain '\u00e9'. {ADVICE}"),
        (5, "must be a string (received number)"),
        (None, "must be a string (received null)"),
    ],
)
def test_refused(value: Any, text: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        parse(obj({"customer_id": CUSTOMER_ID}), {"customer_id": value})
    assert caught.value.message == f"customer_id: {text}"


@pytest.mark.parametrize("value", ["a", "A-Z_0:9", "x" * 5000])
def test_accepted(value: str) -> None:
    assert parse(CUSTOMER_ID, value) == value
    assert parse(CUSTOMER_ID_OR_NULL, value) == value


def test_null_is_for_creation_only() -> None:
    assert parse(CustomersGetOrCreate, {"customer_id": None}).customer_id is None


def test_message_names_the_field_it_is_used_for() -> None:
    with pytest.raises(ValidationFailed) as caught:
        parse(CustomersCreate, {"id": "a.b"})
    assert caught.value.message == f"id: cannot contain periods. {ADVICE}"
