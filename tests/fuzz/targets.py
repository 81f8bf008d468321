"""What atheris runs: one function of bytes for each law, and inputs to begin with.

A target raises when a law is broken; nothing here needs atheris.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from autumn_mock.clock import Clock
from autumn_mock.faults.grammar import RuleError, parse_rule, parse_rules
from autumn_mock.faults.kinds import FAULT_KINDS
from autumn_mock.faults.options import MODIFIERS
from autumn_mock.store.database import Database
from autumn_mock.store.errors import StoreError
from autumn_mock.store.state import State
from tests.fuzz.bodies import ANYTHING, FIELDS, FromBytes, body
from tests.fuzz.history import History, contents_of
from tests.fuzz.laws import batch_is_judged_as_the_contract_says, track_is_judged_as_the_contract_says

#: Where many small files are written: in memory if that can be had.
_FAST = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


class Target(NamedTuple):
    """A law, inputs to begin with, and words that inputs are made of."""

    run: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    words: Callable[[], list[bytes]]


# -- the validator


def validator(data: bytes) -> None:
    """Any body gets the verdict and the words of the reference. The first byte says what the others are."""
    how, rest = data[:1], data[1:]
    if how == b"b":
        batch_is_judged_as_the_contract_says(rest)
    elif how == b"t":
        track_is_judged_as_the_contract_says(rest)
    elif how == b"s":
        track_is_judged_as_the_contract_says(body(FromBytes(rest), single=True))
    else:
        batch_is_judged_as_the_contract_says(body(FromBytes(rest)))


def _bodies() -> list[bytes]:
    good = {"customer_id": "c", "feature_id": "f"}
    full = {**good, "value": 1.5, "timestamp": 5, "properties": {"a": None}, "overage_behavior": "cap", "async": True}
    lock = {"lock_id": "l", "enabled": True, "expires_at": 5}
    data = {"customer_data": {"email": "a@b.co", "currency": "usd"}, "entity_data": {"feature_id": "f"}}
    texts = [json.dumps(each).encode() for each in (good, full, {**good, "lock": lock, **data})]
    drawn = [bytes([how, *range(start, start + 60)]) for how in b"ms" for start in (0, 60, 120, 180)]
    return [*(b"b[" + each + b"]" for each in texts), *(b"t" + each for each in texts), *drawn]


def _body_words() -> list[bytes]:
    names = [f'"{name}":' for name in [*FIELDS, "lock", "lock_id", "enabled", "customer_data", "entity_data", "email"]]
    return [each.encode("utf-8", "surrogatepass") for each in [*names, *ANYTHING] if len(each) < 60]


# -- the fault grammar


def grammar(data: bytes) -> None:
    """Any text is rules or a RuleError that points into it, and the text of a rule parses to the same rule."""
    text = data.decode("utf-8", "replace")
    try:
        rules = parse_rules(text)
    except RuleError as error:
        column = error.column
        rules = []
    else:
        column = 0
    assert 0 <= column <= len(text)
    for rule in rules:
        assert parse_rule(rule.text) == rule, rule.text
        assert parse_rules(rule.text) == [rule], rule.text
        seeded = rule.seeded(5)
        assert parse_rule(seeded.text) == seeded, seeded.text


def _rule_words() -> list[bytes]:
    kinds = list(FAULT_KINDS.values())
    names = {name for kind in kinds for name in kind.options_by_name()}
    return [
        each.encode() for each in [*FAULT_KINDS, *(f" {name}=" for name in names), "enqueue", '"', ";", "1s-2s", "/s"]
    ]


def _rules() -> list[bytes]:
    each = [kind.example for kind in FAULT_KINDS.values()]
    options = [f"queue:down {name}={option.placeholder}" for name, option in MODIFIERS.items()]
    return [text.encode() for text in [*each, *options, "; ".join(each)]]


# -- log replay

_ORGANISATION = b'{"put":{"organisations":[{"id":"o","name":"","slug":"","created_at":0}]}}'


def replay(data: bytes) -> None:
    """Any bytes in place of a log: StoreError or a state, which is the same when it is opened again.

    What begins with an L is a log. Anything else is the lines of one, with the checksums that they call for.
    """
    log = data[1:] if data[:1] == b"L" else logged(data)
    with tempfile.TemporaryDirectory(dir=_FAST) as place:
        path = Path(place, "db.json")
        path.with_name("db.json.wal").write_bytes(log)
        try:
            with Database.open(path) as database:
                first = contents_of(State(Clock(lambda: 5), database))
        except StoreError:
            return
        with Database.open(path) as database:
            assert contents_of(State(Clock(lambda: 5), database)) == first


def logged(data: bytes) -> bytes:
    """A log whose records are the lines of ``data``, after an organisation ``o``."""
    header = b"autumn-mock-log version=1 generation=0"
    records = [b"%08x %b\n" % (crc32(line), line) for line in [_ORGANISATION, *data.split(b"\n")]]
    return b"%b crc32=%08x\n" % (header, crc32(header)) + b"".join(records)


def _logs() -> list[bytes]:
    """A lively history, as a whole log and as the lines of one."""
    with tempfile.TemporaryDirectory() as place:
        history = History(Path(place, "db.json"))
        for seed in (b"", b"\0\2", b"\0\0\3"):
            for act in (history.customer, history.batch, history.track, history.work):
                act(FromBytes(seed))
        history.close()
        content = Path(place, "db.json.wal").read_bytes()
    lines = [line[9:].replace(b'"org":"org"', b'"org":"o"') for line in content.splitlines()[2:]]
    return [b"L" + content, b"\n".join(lines), *lines]


def _log_words() -> list[bytes]:
    keys = ["org", "env", "put", "delete", "books", "cleared", "organisations", "keys", "events", "customers", "id"]
    ours = [f'"{key}":' for key in keys]
    return [each.encode() for each in [*ours, "autumn-mock-log version=", " generation=", " crc32=", "NaN", "1e999999"]]


TARGETS = {
    "validator": Target(validator, _bodies, _body_words),
    "grammar": Target(grammar, _rules, _rule_words),
    "replay": Target(replay, _logs, _log_words),
}
