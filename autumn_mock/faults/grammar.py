"""The grammar of fault rules: a kind, its argument if it has one, then ``name=value`` options.

    enqueue:fail rate=0.2 seed=42
    reply:status 503 retry-after=2 times=2 route=balances.batch_track
    reply:hang after=enqueue

Values with spaces are written in double quotes, those with double quotes in single ones: ``json='{"allowed":true}'``.
Kinds and options are in :mod:`autumn_mock.faults.kinds` and
:mod:`autumn_mock.faults.options`.
"""

from __future__ import annotations

import difflib
import re
import secrets
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Literal
from unicodedata import category

from msgspec import Struct, field

from autumn_mock.clock import Clock
from autumn_mock.faults.armed import ArmedRule, route_matches
from autumn_mock.faults.options import PHASE

#: Whether a reply fault acts before the service has done its work, or after.
Phase = Literal["before", "after"]

#: A value in single quotes begins right after the equals sign, so that others may contain apostrophes.
_SINGLE = r"(?:='[^']*'(?=[\s;]|$))"
_WORD = re.compile(rf"""(?:{_SINGLE}|[^\s"]|"[^"]*")+""")
_PART = re.compile(rf"""(?:{_SINGLE}|[^;"]|"[^"]*"?)+""")
_SINGLE_QUOTED = re.compile(_SINGLE)
_LARGEST_SEED = 1 << 32


class RuleError(ValueError):
    """A rule that does not parse. The message shows the rule, marks the position, and names what is valid there."""

    def __init__(self, rule: str, column: int, problem: str) -> None:
        super().__init__(f"{problem}\n  {rule}\n  {' ' * column}^")
        self.column = column
        #: The message in one line, for a list of the errors of a file.
        self.line = f"invalid rule: {problem} (column {column + 1} of the rule)"


class Rule(Struct, frozen=True):
    """A parsed rule."""

    #: The rule as it can be written again, with its chosen seed.
    text: str
    kind: type[ArmedRule]
    argument: Any = None
    options: dict[str, Any] = field(default_factory=dict)
    phase: Phase = "after"

    def armed(self, number: int, clock: Clock) -> ArmedRule:
        """The rule, armed now, with a seed if it needs one."""
        return self.kind(number, self.seeded(), clock)

    def seeded(self, seed: int | None = None) -> Rule:
        """The rule with a seed if it is random and names none: the given one, or a chosen one."""
        if "seed" in self.options or not self.kind.is_random(self.argument, self.options):
            return self
        seed = secrets.randbelow(_LARGEST_SEED) if seed is None else seed
        options = {**self.options, "seed": seed}
        return Rule(f"{self.text} seed={seed}", self.kind, self.argument, options, self.phase)

    def of_customer(self, customer_id: str) -> Rule:
        """The rule for one customer only; :class:`RuleError` if it names another one."""
        named = self.options.get("customer", customer_id)
        if named != customer_id:
            raise RuleError(self.text, self.text.index("customer="), f"this rule names another customer, {named!r}")
        if "customer" in self.options:
            return self
        options = {**self.options, "customer": customer_id}
        return Rule(f"{self.text} customer={quoted(customer_id)}", self.kind, self.argument, options, self.phase)


def parse_rules(text: str) -> list[Rule]:
    """Several rules, separated by ``;``. Raises :class:`RuleError`, whose column counts within its own rule."""
    return [parse_rule(part) for part in _parts(text)]


def _parts(text: str) -> Iterator[str]:
    for part in _PART.findall(text):
        if part.strip():
            yield part.strip()


def _is_printable(word: str) -> bool:
    """Whether a word is in one line; spaces of all kinds are, in quotes."""
    return word.isprintable() or all(each.isprintable() or category(each) == "Zs" for each in word)


def parse_rule(text: str) -> Rule:
    """A rule from its text. Raises :class:`RuleError`."""
    from autumn_mock.faults.kinds import FAULT_KINDS  # a server without rules starts without them

    if _SINGLE_QUOTED.sub("", text).count('"') % 2:
        raise RuleError(text, text.rindex('"'), "this quote is not closed")
    words = list(_WORD.finditer(text))
    strange = next((word for word in words if not _is_printable(word.group())), None)
    if strange is not None:
        raise RuleError(ascii(strange.group()), 0, "a word of a rule has no control characters and line breaks")
    if not words:
        raise RuleError(text, 0, f"a rule begins with one of {', '.join(FAULT_KINDS)}")
    kind = FAULT_KINDS.get(words[0].group())
    if kind is None:
        raise RuleError(text, words[0].start(), _unknown("kind", words[0].group(), FAULT_KINDS))
    return _Parser(text, kind).parse(words[1:])


class _Parser:
    """Parses one rule of a known kind."""

    def __init__(self, text: str, kind: type[ArmedRule]) -> None:
        self.text = text
        self.kind = kind
        self.known = kind.options_by_name()
        self.argument: Any = None
        self.options: dict[str, Any] = {}
        self.phase: Phase | None = None

    def parse(self, words: list[re.Match[str]]) -> Rule:
        kind = self.kind
        if kind.argument is not None:
            if words and ("=" not in words[0].group() or words[0].group().startswith('"')):
                self.argument = self._value(kind.argument, words[0].group(), words[0].start(), kind.name)
                words = words[1:]
            elif kind.argument_default is None:
                raise self._error(len(self.text), f"{kind.name} needs a value, as in: {kind.example}")
            else:
                self.argument = kind.argument_default
        for word in words:
            self._option(word)
        problem = kind.problem(self.argument, self.options)
        if problem is not None:
            option, message = problem
            raise self._error(self.text.index(f"{option}=") if option else len(self.text), message)
        phase: Phase = self.phase or ("before" if self._has_phase() else "after")
        return Rule(" ".join(_WORD.findall(self.text)), kind, self.argument, self.options, phase)

    def _has_phase(self) -> bool:
        return self.kind.accepts_phase(self.argument)

    def _option(self, word: re.Match[str]) -> None:
        name, equals, value = word.group().partition("=")
        start, value_start = word.start(), word.start() + len(name) + 1
        if name == "before" or (name == "after" and value == PHASE):
            self._phase(name, value, start)
            return
        if name not in self.known:
            raise self._error(start, _unknown(f"option of {self.kind.name}", name, self._names()))
        if not equals or not value:
            raise self._error(word.end(), f"{name} needs a value, as in {name}={self.known[name].placeholder}")
        if name in self.options:
            raise self._error(start, f"{name} is given twice")
        self.options[name] = self._value(self.known[name].read, value, value_start, name)

    def _phase(self, name: str, value: str, start: int) -> None:
        if not self._has_phase():
            raise self._error(start, f"{self.kind.name} has no {name}={value or PHASE}")
        if value != PHASE:
            raise self._error(start, f"before takes one value: before={PHASE}")
        if self.phase is not None:
            raise self._error(start, f"give either before={PHASE} or after={PHASE}")
        self.phase = "before" if name == "before" else "after"

    def _names(self) -> list[str]:
        return [*self.known, *([f"before={PHASE}", f"after={PHASE}"] if self._has_phase() else [])]

    def _value(self, read: Any, written: str, column: int, option: str) -> Any:
        is_single = len(written) > 1 and written[0] == written[-1] == "'"
        value = written[1:-1] if is_single else written.replace('"', "")
        try:
            return read(value)
        except ValueError as error:
            reason = str(error)
            if reason.startswith(("invalid literal", "could not convert")):
                reason = "not a number"
            raise self._error(column, f"invalid value {value!r} for {option}: {reason}") from None

    def _error(self, column: int, problem: str) -> RuleError:
        return RuleError(self.text, column, problem)


def require_route(rule: Rule, calls: Collection[str]) -> None:
    """Raises :class:`RuleError` if ``route=`` matches no call, because such a rule never fires."""
    wanted = rule.options.get("route")
    if wanted is not None and not any(route_matches(wanted, call) for call in calls):
        raise _no_match(rule, "route", "call", wanted.removeprefix("/v1/"), calls)


def require_organisation(rule: Rule, names: Collection[str]) -> None:
    """Raises :class:`RuleError` if ``org=`` is not the id or slug of an organisation."""
    wanted = rule.options.get("org")
    if wanted is not None and wanted not in names:
        raise _no_match(rule, "org", "organisation", wanted, names)


def _no_match(rule: Rule, option: str, what: str, wanted: str, known: Collection[str]) -> RuleError:
    near = difflib.get_close_matches(wanted, known, n=3, cutoff=0.4)
    hint = f"; similar: {', '.join(near)}" if near else ""
    column = rule.text.index(f" {option}=") + len(f" {option}=")
    return RuleError(rule.text, column, f"unknown {what} {rule.options[option]!r}{hint}")


def quoted(value: str) -> str:
    """A value as it is written in a rule. Raises :class:`ValueError` if it contains both kinds of quotes."""
    if '"' not in value:
        return f'"{value}"' if re.search(r"[\s;']", value) else value
    if "'" in value:
        raise ValueError("a value cannot contain both single and double quotes")
    return f"'{value}'"


def _unknown(what: str, word: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(word, names, n=1)
    hint = f", did you mean {near[0]}?" if near else "."
    return f"unknown {what} {word!r}{hint} Known: {', '.join(names)}"
