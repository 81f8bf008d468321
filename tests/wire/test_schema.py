"""The schema vocabulary: accepted values, texts of refusals, and classes of parameters."""

from __future__ import annotations

import math
from typing import Any

import pytest
from msgspec import UNSET, UnsetType

from autumn_mock.domain.track import LockRequest, TrackItem
from autumn_mock.wire.requests.track import TRACK, LockParams
from autumn_mock.wire.schema import (
    UNDEFINED,
    Params,
    Schema,
    ValidationFailed,
    anything,
    array,
    boolean,
    coerced_integer,
    coerced_number,
    comma_separated,
    default,
    email,
    enum,
    field,
    identifier,
    instant,
    integer,
    literal,
    nullable,
    nullish,
    number,
    obj,
    optional,
    parse,
    past_instant,
    record,
    rule,
    string,
    union,
)


def refusal(schema: Schema, value: Any, now_ms: int = 0) -> str:
    with pytest.raises(ValidationFailed) as caught:
        parse(schema, value, now_ms=now_ms)
    return caught.value.message


@pytest.mark.parametrize(
    ("schema", "value", "message"),
    [
        (string(), UNDEFINED, "input: must be a string (received undefined)"),
        (string(), None, "input: must be a string (received null)"),
        (string(), True, "input: must be a string (received boolean)"),
        (string(), 1, "input: must be a string (received number)"),
        (string(), 1.5, "input: must be a string (received number)"),
        (string(), [], "input: must be a string (received array)"),
        (string(), {}, "input: must be a string (received object)"),
        (string(min=1), "", "input: cannot be empty"),
        (string(min=2), "a", "input: Too small: expected string to have >=2 characters"),
        (string(max=2), "abc", "input: Too big: expected string to have <=2 characters"),
        (string(max=2), "\U0001f600a", "input: Too big: expected string to have <=2 characters"),
        (string(min=1, trim=True), "  ", "input: cannot be empty"),
        (number(), True, "input: must be a number (received boolean)"),
        (number(), math.inf, "input: must be a number (received number)"),
        (number(), 10**400, "input: must be a number (received number)"),
        (number(), math.nan, "input: must be a number (received NaN)"),
        (number(min=1), 0.5, "input: Too small: expected number to be >=1"),
        (number(max=1), 1.5, "input: Too big: expected number to be <=1"),
        (number(min=0, min_text="quantity must be >= 0"), -1, "input: quantity must be >= 0"),
        (integer(), 1.5, "input: Invalid input: expected int, received number"),
        (integer(), 2**53, "input: Too big: expected int to be <9007199254740991"),
        (integer(), -(2**53), "input: Too small: expected int to be >-9007199254740991"),
        (integer(min=1), -1.5, "input: Invalid input: expected int, received number"),
        (boolean(), "yes", "input: must be a boolean (received string)"),
        (boolean(), 1, "input: must be a boolean (received number)"),
        (literal(True), False, "input: Invalid input: expected true"),
        (literal(True), 1, "input: Invalid input: expected true"),
        (literal("inf"), "x", 'input: Invalid input: expected "inf"'),
        (enum("a", "b"), "c", "input: must be one of: a, b"),
        (enum("a", "b"), UNDEFINED, "input: must be one of: a, b"),
        (enum("a", "b", unlisted=("c",)), "d", "input: must be one of: a, b"),
        (enum("balance.feature"), "x", 'input: Invalid input: expected "balance.feature"'),
        (union(enum("a"), enum("b")), "c", "input: Invalid input"),
        (array(string()), {}, "input: Invalid input: expected array, received object"),
        (array(string(), min=1), [], "input: Too small: expected array to have >=1 items"),
        (array(string(), max=1), ["a", "b"], "input: Too big: expected array to have <=1 items"),
        (record(), [], "input: Invalid input: expected record, received array"),
        (record(string()), {"a": 1}, "a: must be a string (received number)"),
        (obj({}), [], "input: Invalid input: expected object, received array"),
        (obj({"a": obj({"b": string()})}), {"a": {}}, "a.b: must be a string (received undefined)"),
        (optional(string()), None, "input: must be a string (received null)"),
        (nullable(string()), UNDEFINED, "input: must be a string (received undefined)"),
        (default(string(), "x"), None, "input: must be a string (received null)"),
        (identifier(), "a b", "input: must contain only letters, numbers, underscores, hyphens"),
        (
            identifier(),
            "",
            "[Validation Errors] input: cannot be empty; "
            "input: must contain only letters, numbers, underscores, hyphens",
        ),
        (identifier(), 5, "input: must be a string (received number)"),
        (instant(), 1.5, "input: Invalid input: expected int, received number"),
    ],
)
def test_parse_refuses(schema: Schema, value: Any, message: str) -> None:
    assert refusal(schema, value) == message


def test_size_rules_apply_to_every_value_with_a_length() -> None:
    assert refusal(string(min=1), []) == (
        "[Validation Errors] input: must be a string (received array); "
        "input: Too small: expected array to have >=1 items"
    )
    assert refusal(array(string(), min=1), "") == (
        "[Validation Errors] input: Invalid input: expected array, received string; input: cannot be empty"
    )


def test_array_reports_its_size_after_its_items() -> None:
    assert refusal(array(number(), max=2), [1, "a", 3]) == (
        "[Validation Errors] 1: must be a number (received string); input: Too big: expected array to have <=2 items"
    )


def test_refine_is_skipped_after_an_aborting_issue() -> None:
    schema = obj({"name": string(max=1), "kind": optional(enum("a", "b"))}).refine(
        lambda fields: "never" in fields, "refused", ("name",)
    )
    assert refusal(schema, {"name": "x"}) == "name: refused"
    assert refusal(schema, {"name": "xx"}) == (
        "[Validation Errors] name: Too big: expected string to have <=1 characters; name: refused"
    )
    assert refusal(schema, {"name": "xx", "kind": "c"}) == (
        "[Validation Errors] name: Too big: expected string to have <=1 characters; kind: must be one of: a, b"
    )


def test_refine_with_a_function_of_the_value() -> None:
    schema = string().refine(lambda text: text.islower(), lambda text: f"not {text}")
    assert parse(schema, "abc") == "abc"
    assert refusal(schema, "Abc") == "input: not Abc"


def test_obj_checks_fields_in_declared_order() -> None:
    schema = obj({"b": string(), "a": string()})
    assert refusal(schema, {"a": 1, "b": 2}) == (
        "[Validation Errors] b: must be a string (received number); a: must be a string (received number)"
    )


def test_validation_failed_has_paths_and_texts() -> None:
    with pytest.raises(ValidationFailed) as caught:
        parse(array(obj({"a": string()})), [{"a": "x"}, {}])
    (issue,) = caught.value.issues
    assert issue.path == (1, "a")
    assert issue.text == "must be a string (received undefined)"
    assert str(caught.value) == "1.a: must be a string (received undefined)"


@pytest.mark.parametrize(
    ("schema", "value", "parsed"),
    [
        (obj({"a": optional(string())}), {"b": 1}, {}),
        (obj({"a": nullish(string())}), {"a": None}, {"a": None}),
        (obj({"a": default(string(), "x")}), {}, {"a": "x"}),
        (obj({"a": default(nullable(string()), None)}), {}, {"a": None}),
        (record(), {"a": None, "b": {"c": [1]}}, {"a": None, "b": {"c": [1]}}),
        (union(number(), literal("inf")), "inf", "inf"),
        (enum("a", "b", unlisted=("c",)), "c", "c"),
        (string(trim=True), " a ", "a"),
        (anything(), [None], [None]),
        (number(), 2**60, 2**60),
        (number(), -0.5, -0.5),
    ],
)
def test_parse_returns(schema: Schema, value: Any, parsed: Any) -> None:
    assert parse(schema, value) == parsed


def test_integer_converts_a_whole_float() -> None:
    parsed = parse(integer(), 5.0)
    assert parsed == 5
    assert isinstance(parsed, int)


@pytest.mark.parametrize(
    ("value", "parsed"),
    [
        ("5", 5),
        (" 7 ", 7),
        ("0x10", 16),
        ("5e2", 500),
        ("5.", 5),
        ("+5", 5),
        (True, 1),
        ([5], 5),
        (["5"], 5),
        (5.0, 5),
        (UNDEFINED, 50),
    ],
)
def test_coerced_integer_converts_like_javascript(value: Any, parsed: int) -> None:
    assert parse(default(coerced_integer(min=1), 50), value) == parsed


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("x", "input: must be a number (received NaN)"),
        ("1_0", "input: must be a number (received NaN)"),
        ({}, "input: must be a number (received NaN)"),
        ([1, 2], "input: must be a number (received NaN)"),
        ([True], "input: must be a number (received NaN)"),
        ("Infinity", "input: must be a number (received number)"),
        ("", "input: Too small: expected number to be >=1"),
        ([], "input: Too small: expected number to be >=1"),
        (None, "input: Too small: expected number to be >=1"),
        (False, "input: Too small: expected number to be >=1"),
        ("1.5", "input: Invalid input: expected int, received number"),
    ],
)
def test_coerced_integer_refuses(value: Any, message: str) -> None:
    assert refusal(coerced_integer(min=1), value) == message


def test_comma_separated_accepts_one_text() -> None:
    schema = comma_separated(enum("a", "b"))
    assert parse(schema, "a, b") == ["a", "b"]
    assert parse(schema, ["a"]) == ["a"]
    assert refusal(schema, "a,c") == "1: must be one of: a, b"
    assert refusal(schema, 5) == "input: Invalid input: expected array, received number"


@pytest.mark.parametrize(
    "address",
    ["a@b.co", "a.b@c.de", "a+b_c-d@e-f.g.hij", "o'neil@b.co", "A@B.CO", "'a@b.co", "1@2.co", "a@b-.co"],
)
def test_email_accepts(address: str) -> None:
    assert parse(email(), address) == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "foo",
        "a@b",
        "a@b.c",
        ".a@b.co",
        "a.@b.co",
        "a..b@c.de",
        "a'@b.co",
        "a@-b.co",
        "a@b..co",
        "a b@c.de",
        "\u00e9@b.co",
        "a@b.co\n",
        5,
        {},
        "a" * 50_000,
    ],
)
def test_email_refuses(address: Any) -> None:
    assert refusal(email(), address) == "input: not a valid email address"


def test_past_instant_uses_the_given_present() -> None:
    assert parse(past_instant(), 1000, now_ms=1000) == 1000
    assert refusal(past_instant(), 1001, now_ms=1000) == "input: timestamp cannot be in the future"


@pytest.mark.parametrize(
    ("schema", "exported"),
    [
        (string(min=1, max=3), {"type": "string", "minLength": 1, "maxLength": 3}),
        (email(), {"type": "string", "format": "email"}),
        (identifier(), {"type": "string", "minLength": 1, "pattern": "^[a-zA-Z0-9_-]+$"}),
        (number(min=0, max=9), {"type": "number", "minimum": 0, "maximum": 9}),
        (coerced_number(), {"type": "number"}),
        (past_instant(), {"type": "integer", "minimum": 0, "exclusiveMinimum": 0}),
        (boolean(), {"type": "boolean"}),
        (literal(True), {"const": True}),
        (enum("a", "b", unlisted=("c",)), {"type": "string", "enum": ["a", "b", "c"]}),
        (union(string(), number()), {"anyOf": [{"type": "string"}, {"type": "number"}]}),
        (array(string(), min=1, max=2), {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 2}),
        (comma_separated(string()), {"type": "array", "items": {"type": "string"}}),
        (record(), {"type": "object", "additionalProperties": {}}),
        (nullish(string()), {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        (default(number(), 1), {"type": "number", "default": 1}),
        (
            obj({"a": string(), "b": optional(string()), "c": default(string(), "x"), "d": anything()}),
            {
                "type": "object",
                "properties": {
                    "a": {"type": "string"},
                    "b": {"type": "string"},
                    "c": {"type": "string", "default": "x"},
                    "d": {},
                },
                "required": ["a"],
            },
        ),
        (obj({}), {"type": "object", "properties": {}}),
    ],
)
def test_json_schema(schema: Schema, exported: dict[str, Any]) -> None:
    assert schema.json_schema() == exported


class Base(Params):
    b: str = field(string())
    n: str | UnsetType | None = field(nullable(string()), default=UNSET)

    @rule("b must not be x", ("b",))
    def _is_not_x(self) -> bool:
        return self.b != "x"


class Derived(Base, leading=("a",)):
    a: int = field(integer())
    async_: bool = field(boolean(), default=True)


def test_params_inherit_fields_and_rules() -> None:
    assert list(obj(Derived).fields) == ["a", "b", "n", "async"]
    assert parse(Derived, {"a": 1, "b": "y", "async": False}) == Derived(a=1, b="y", async_=False)
    assert parse(Derived, {"a": 1, "b": "y", "n": None}).n is None
    assert refusal(obj(Derived), {"a": 1, "b": "x"}) == "b: b must not be x"
    assert refusal(obj(Derived), {"b": 1}) == (
        "[Validation Errors] a: must be a number (received undefined); b: must be a string (received number)"
    )


def test_params_refuse_a_field_without_a_schema() -> None:
    with pytest.raises(TypeError, match=r"Bad\.name has no schema"):

        class Bad(Params):
            name: str


def test_structs_of_requests_have_the_fields_of_their_schemas() -> None:
    """Those of classes of parameters do by construction; these are declared elsewhere. No client can set ``taken``."""
    assert {*TRACK.fields} | {"taken"} == {*TrackItem.__struct_encode_fields__}
    assert {*obj(LockParams).fields} == {*LockRequest.__struct_encode_fields__}
