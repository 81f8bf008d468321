"""How a rule is written: a kind, its argument if it has one, then ``name=value`` pairs.

    enqueue:fail rate=0.2 seed=42
    reply:status 503 retry-after=2 times=2 route=balances.batch_track
    reply:hang after=enqueue

Values with spaces stand in double quotes. The words are in :mod:`autumn_mock.faults.vocabulary`.
"""

from __future__ import annotations

import difflib
import re
import secrets
from collections.abc import Collection, Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any, Literal

from msgspec import Struct, field

from autumn_mock.faults.vocabulary import FAULT_KINDS, PHASE, FaultKind, options_of

#: Whether a reply is struck before the service has done its work, or after.
Phase = Literal["before", "after"]

_WORD = re.compile(r'(?:[^\s"]|"[^"]*")+')
_LARGEST_SEED = 1 << 32


class RuleError(ValueError):
    """A rule that does not parse. The message shows the rule, points at the place, and lists what would fit."""

    def __init__(self, rule: str, column: int, problem: str) -> None:
        super().__init__(f"{problem}\n  {rule}\n  {' ' * column}^")
        self.column = column
        #: The message in one line, for a list of what is wrong with a file.
        self.line = f"is no rule: {problem} (column {column + 1} of the rule)"


class Rule(Struct, frozen=True):
    """A rule, understood."""

    #: As it can be written again, with the seed that was drawn for it.
    text: str
    kind: FaultKind
    argument: Any = None
    options: dict[str, Any] = field(default_factory=dict)
    phase: Phase = "after"

    @property
    def is_random(self) -> bool:
        """Whether it draws."""
        drawn = self.kind.name == "reply:delay" and self.argument[0] != self.argument[1]
        return drawn or (self.kind.has_rate and "rate" in self.options)

    def seeded(self, seed: int | None = None) -> Rule:
        """The rule with a seed, if it needs one and names none: the one given, or one that is drawn now."""
        if not self.is_random or "seed" in self.options:
            return self
        seed = secrets.randbelow(_LARGEST_SEED) if seed is None else seed
        options = {**self.options, "seed": seed}
        return Rule(f"{self.text} seed={seed}", self.kind, self.argument, options, self.phase)

    def of_customer(self, customer_id: str) -> Rule:
        """The rule for one customer alone; :class:`RuleError` when it is for another."""
        named = self.options.get("customer", customer_id)
        if named != customer_id:
            raise RuleError(self.text, self.text.index("customer="), f"this rule is of another customer, {named!r}")
        if "customer" in self.options:
            return self
        options = {**self.options, "customer": customer_id}
        return Rule(f"{self.text} customer={_quoted(customer_id)}", self.kind, self.argument, options, self.phase)


def parse_rules(text: str) -> list[Rule]:
    """Several rules with ``;`` between them. Raises :class:`RuleError`, whose column counts within its own rule."""
    return [parse_rule(part) for part in _parts(text)]


def _parts(text: str) -> Iterator[str]:
    for part in re.findall(r'(?:[^;"]|"[^"]*"?)+', text):
        if part.strip():
            yield part.strip()


def parse_rule(text: str) -> Rule:
    """A rule from its text. Raises :class:`RuleError`."""
    if text.count('"') % 2:
        raise RuleError(text, text.rindex('"'), "this quote is not closed")
    words = list(_WORD.finditer(text))
    if not words:
        raise RuleError(text, 0, f"a rule begins with one of {', '.join(FAULT_KINDS)}")
    kind = FAULT_KINDS.get(words[0].group())
    if kind is None:
        raise RuleError(text, words[0].start(), _unknown("kind", words[0].group(), FAULT_KINDS))
    return _Reading(text, kind).read(words[1:])


class _Reading:
    """One rule on its way from text."""

    def __init__(self, text: str, kind: FaultKind) -> None:
        self.text = text
        self.kind = kind
        self.known = options_of(kind)
        self.argument: Any = None
        self.options: dict[str, Any] = {}
        self.phase: Phase | None = None

    def read(self, words: list[re.Match[str]]) -> Rule:
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
        if kind.name == "worker:slow" and "rate" not in self.options:
            raise self._error(len(self.text), f"worker:slow needs a rate, as in: {kind.example}")
        if self._keeps_body() and self.options.get("body", "empty") != "empty":
            raise self._error(
                self.text.index("body="), "a success keeps the body that the service sends, or has none: body=empty"
            )
        units = {self.options[name][0] for name in ("down", "up") if name in self.options}
        if len(units) > 1:
            raise self._error(len(self.text), "down and up are both numbers of calls, or both lengths of time")
        phase: Phase = self.phase or ("before" if kind.has_phase and not self._keeps_body() else "after")
        return Rule(" ".join(_WORD.findall(self.text)), kind, self.argument, self.options, phase)

    def _keeps_body(self) -> bool:
        """A status that means success is put on the service's own reply."""
        return self.kind.name == "reply:status" and self.argument < 300

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
        if not self.kind.has_phase or self._keeps_body():
            raise self._error(start, f"{self.kind.name} has no {name}={value or PHASE}")
        if value != PHASE:
            raise self._error(start, f"before takes one value: before={PHASE}")
        if self.phase is not None:
            raise self._error(start, f"a reply is struck either before={PHASE} or after={PHASE}")
        self.phase = "before" if name == "before" else "after"

    def _names(self) -> list[str]:
        phases = [f"before={PHASE}", f"after={PHASE}"] if self.kind.has_phase and not self._keeps_body() else []
        return [*self.known, *phases]

    def _value(self, read: Any, written: str, column: int, what: str) -> Any:
        value = written.replace('"', "")
        try:
            return read(value)
        except ValueError as error:
            why = str(error)
            if why.startswith(("invalid literal", "could not convert")):
                why = "it is no number"
            raise self._error(column, f"{value!r} is no value for {what}: {why}") from None

    def _error(self, column: int, problem: str) -> RuleError:
        return RuleError(self.text, column, problem)


def require_route(rule: Rule, calls: Collection[str]) -> None:
    """Raises :class:`RuleError` when ``route=`` names no call; a rule that can never fire would be believed in."""
    wanted = rule.options.get("route")
    if wanted is not None and not any(route_matches(wanted, call) for call in calls):
        raise _nothing(rule, "route", "call", wanted.removeprefix("/v1/"), calls)


def require_organisation(rule: Rule, names: Collection[str]) -> None:
    """Raises :class:`RuleError` when ``org=`` names no organisation, by id or slug."""
    wanted = rule.options.get("org")
    if wanted is not None and wanted not in names:
        raise _nothing(rule, "org", "organisation", wanted, names)


def _nothing(rule: Rule, option: str, what: str, wanted: str, known: Collection[str]) -> RuleError:
    """An option names something that there is not; with what it may have meant."""
    near = difflib.get_close_matches(wanted, known, n=3, cutoff=0.4)
    hint = f"; near it are {', '.join(near)}" if near else ""
    column = rule.text.index(f" {option}=") + len(f" {option}=")
    return RuleError(rule.text, column, f"there is no {what} {rule.options[option]!r}{hint}")


def route_matches(pattern: str, call: str) -> bool:
    """Whether a pattern is for a call, by its name (``balances.track``) or its path (``/v1/track``)."""
    return fnmatchcase(call, pattern.removeprefix("/v1/"))


def _quoted(value: str) -> str:
    return f'"{value}"' if " " in value or ";" in value else value


def _unknown(what: str, word: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(word, names, n=1)
    hint = f", did you mean {near[0]}?" if near else "."
    return f"there is no {what} {word!r}{hint} Known: {', '.join(names)}"
