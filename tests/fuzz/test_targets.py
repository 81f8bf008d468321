"""The laws of the atheris targets, without atheris: on what they begin with, on any bytes, and on what once broke them.

``python -m tests.fuzz TARGET`` searches further.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autumn_mock.clock import Clock
from autumn_mock.store.database import Database
from autumn_mock.store.errors import DamagedFile
from autumn_mock.store.state import State
from tests.fuzz.__main__ import NAMES
from tests.fuzz.targets import TARGETS, grammar, replay, validator
from tests.support.effort import examples


def _change(**fields: object) -> bytes:
    return json.dumps({"org": "o", "env": "sandbox", **fields}).encode()


#: Records with a right checksum that no version of the program wrote, and logs that never were one.
NEVER_WRITTEN = {
    "an organisation within an environment": _change(
        put={"organisations": [{"id": "p", "name": "", "slug": "", "created_at": 0}]}
    ),
    "books among the tables": _change(put={"books": [{}]}),
    "an unknown table, put": _change(put={"nope": [{}]}),
    "an unknown table, deleted": _change(delete={"nope": ["a"]}),
    "an unknown organisation": _change(org="p"),
    "no text": b'{"org":"\xff"}',
    "no text within a record": b'{"org":"o","env":"sandbox","put":{"claims":[{"key":"\xff","expires_at":1}]}}',
    "too deep": b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "an amount without end": _change(
        put={"events": [{"id": id, "timestamp": 5, "name": "n", "customer": "c", "value": "1e999999"} for id in "ab"]}
    ),
    "an invalid amount": _change(
        put={"events": [{"id": id, "timestamp": 5, "name": "n", "customer": "c", "value": "sNaN"} for id in "ab"]}
    ),
    "a version too long for a number": b"Lautumn-mock-log version=" + b"9" * 5000 + b"\n",
    "a generation too long for a number": b"Lautumn-mock-log version=1 generation=" + b"9" * 5000 + b" crc32=\n",
    "nothing": b"",
    "no log": b"L\n",
}


@pytest.mark.parametrize("data", NEVER_WRITTEN.values(), ids=NEVER_WRITTEN)
def test_a_log_that_was_never_written_is_a_store_error_or_means_something(data: bytes) -> None:
    replay(data)


@pytest.mark.parametrize("table", ["features", "books"])
def test_a_row_of_an_organisation_that_is_not_there_is_damage(tmp_path: Path, table: str) -> None:
    path = tmp_path / "db.json"
    row: dict[str, object] = {"org": "gone", "env": "sandbox"}
    if table == "features":
        row |= {"id": "f", "name": "F", "type": "boolean", "consumable": False, "created_at": 0}
    marker = {"format": 1, "generation": 0, "written_at": 0}
    path.write_text(json.dumps({"_autumn_mock": {"1": marker}, table: {"1": row}}))
    with (
        Database.open(path) as database,
        pytest.raises(DamagedFile, match=f"{table}.*'gone' is the id of no organisation"),
    ):
        State(Clock(), database)


@pytest.mark.parametrize("name", NAMES)
def test_what_a_target_begins_with_keeps_its_law(name: str) -> None:
    target = TARGETS[name]
    for data in [*target.seeds(), *target.words()]:
        target.run(data)


@settings(max_examples=examples(150), deadline=None)
@given(st.binary(max_size=60))
def test_any_choices_make_a_body_that_is_judged_rightly(data: bytes) -> None:
    validator(b"m" + data)
    validator(b"s" + data)


@settings(max_examples=examples(150), deadline=None)
@given(st.lists(st.sampled_from(TARGETS["grammar"].words()) | st.binary(max_size=3), max_size=8))
def test_any_words_are_rules_or_a_rule_error(words: list[bytes]) -> None:
    grammar(b"".join(words))


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(TARGETS["replay"].words()) | st.binary(max_size=3), max_size=8).map(b"".join))
def test_any_bytes_for_a_log(data: bytes) -> None:
    replay(b"L" + data)
    replay(data)


def test_one_input_is_run_again(tmp_path: Path) -> None:
    """What a search has found can be run without atheris."""
    found = tmp_path / "found"
    found.write_bytes(b"queue:down")
    command = [sys.executable, "-m", "tests.fuzz", "grammar", "--input", str(found)]
    assert subprocess.run(command, timeout=60, check=False).returncode == 0
