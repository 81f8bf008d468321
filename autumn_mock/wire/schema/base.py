"""What every schema has in common: issues, their texts, and the base class.

The real server validates with zod 4 and rewrites some of its texts; both halves are measured, and every text of this
package is printed exactly as the real server prints it (contract 3.2 to 3.4).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    #: The type of a parsed value.
    T_co = TypeVar("T_co", covariant=True, default=Any)
else:
    from typing import TypeVar

    T_co = TypeVar("T_co", covariant=True)

Path = tuple["str | int", ...]
JsonSchema = dict[str, Any]


class Undefined:
    """The type of :data:`UNDEFINED`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNDEFINED"


#: The value of an absent key; JSON has no such value, and ``null`` is another one.
UNDEFINED: Final = Undefined()


class Issue(NamedTuple):
    """One error in a value."""

    path: Path
    text: str
    #: Whether the rules about the value are skipped from here on.
    aborts: bool = True


class Issues(list[Issue]):
    """The issues found so far, and the settings of one validation."""

    __slots__ = ("as_json", "now_ms")

    def __init__(self, now_ms: int) -> None:
        super().__init__()
        #: The instant that "now" means.
        self.now_ms = now_ms
        #: Whether objects are parsed to plain maps instead of structs.
        self.as_json = False

    def aborted(self, since: int) -> bool:
        """Whether any issue from number ``since`` on aborts."""
        return len(self) > since and any(issue.aborts for issue in self[since:])


class ValidationFailed(Exception):
    """A request does not match the schema of its call."""

    def __init__(self, issues: list[Issue]) -> None:
        self.issues: tuple[Issue, ...] = tuple(issues)
        super().__init__(self.message)

    @property
    def message(self) -> str:
        """All issues in one line, as the real server flattens them."""
        lines = [f"{'.'.join(map(str, issue.path)) or 'input'}: {issue.text}" for issue in self.issues]
        return lines[0] if len(lines) == 1 else "[Validation Errors] " + "; ".join(lines)


class Schema(Generic[T_co]):
    """A description of the values that are accepted in one place, and of the type that they are parsed to."""

    __slots__ = ()
    #: Whether a key of this schema may be absent.
    takes_absence = False

    def check(self, value: Any, path: Path, issues: Issues) -> Any:
        """The parsed ``value``; errors are added to ``issues``, and the result is then meaningless."""
        raise NotImplementedError

    def json_schema(self) -> JsonSchema:
        """The same description as JSON Schema 2020-12."""
        raise NotImplementedError


def kind_of(value: Any) -> str:
    """What the real server calls the type of ``value``."""
    if value is UNDEFINED:
        return "undefined"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    if isinstance(value, (int, float)):
        return "number"
    return "array" if isinstance(value, (list, tuple)) else "object"


def must_be(expected: str, value: Any) -> str:
    """The text for a value of the wrong simple type."""
    return f"must be a {expected} (received {kind_of(value)})"


def expected_but(expected: str, value: Any) -> str:
    """The text for a value of the wrong compound type."""
    return f"Invalid input: expected {expected}, received {kind_of(value)}"
