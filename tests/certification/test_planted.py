"""Clients with planted faults fail exactly the cases that are meant for them; a plain client passes all of must."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from autumn_mock.certification.model import read_cases
from autumn_mock.certification.runner import certify
from autumn_mock.input_files import find_shipped, shipped_files

CASES = read_cases(shipped_files("case"))
PERL = Path(__file__).with_name("adapter.pl")


class PlantedFault(NamedTuple):
    """Changes to the source of the shipped adapter for httpx, and the cases that are meant to find them."""

    changes: dict[str, str]
    cases: set[str]


FAULTS = {
    # A 202 is taken for something that is not done yet; the keys stay, so nothing is charged twice.
    "retries after 202": PlantedFault(
        {
            "if failure is None:\n": "if failure is None:\n"
            "                if number == 1 and reply.status_code == 202:\n"
            "                    continue\n",
            "TRIES, LONGEST_WAIT, LARGEST_BATCH = 5,": "TRIES, LONGEST_WAIT, LARGEST_BATCH = 9,",
        },
        {"accepted-is-final", "slow-reply", "dribbled-reply"},
    ),
    "ignores Retry-After": PlantedFault(
        {
            'asked = reply.headers.get("retry-after") if reply is not None else None': "asked = None",
            "TRIES, LONGEST_WAIT, LARGEST_BATCH = 5,": "TRIES, LONGEST_WAIT, LARGEST_BATCH = 9,",
        },
        {
            *("retry-after-seconds", "retry-after-date", "retry-after-far-away", "rate-limit-passes"),
            *("rate-limit-for-long", "unavailable-for-long", "batch-second-part-fails"),
        },
    ),
    "new key per try": PlantedFault(
        {
            "            try:\n                # A whole": "            if number > 1:\n"
            "                for each in body if isinstance(body, list) else [body]:\n"
            '                    each["idempotency_key"] = str(uuid.uuid4())\n'
            "            try:\n                # A whole"
        },
        {
            *("key-stable", "lost-reply-is-retried", "reset-after", "hang-after", "bad-gateway-after"),
            *("truncated-reply", "malformed-reply", "empty-reply", "wrong-content-type"),
        },
    ),
}


def failed(url: str, command: list[str]) -> dict[str, tuple[str, ...]]:
    """The cases that a client fails, with the reasons."""
    return {each.case.name: each.problems for each in certify(CASES, url, command, jobs=8).failed()}


@pytest.mark.parametrize("name", FAULTS)
def test_planted_fault_fails_exactly_the_cases_meant_for_it(url: str, tmp_path: Path, name: str) -> None:
    source = find_shipped("adapter", "httpx").read_text("utf-8")
    for old, new in FAULTS[name].changes.items():
        assert source.count(old) == 1
        source = source.replace(old, new)
    path = tmp_path / "planted.py"
    path.write_text(source, "utf-8")
    found = failed(url, [sys.executable, str(path)])
    assert set(found) == FAULTS[name].cases, found


def test_adapter_of_fewer_than_fifty_lines_in_another_language(url: str) -> None:
    """Written from the page of the protocol alone, for a client without retries."""
    perl = shutil.which("perl")
    assert perl is not None, "perl is needed; every Unix system has it"
    assert len(PERL.read_text("utf-8").splitlines()) < 50
    certificate = certify(CASES, url, [perl, str(PERL)], jobs=8)
    assert str(certificate.client) == "autumn-perl 0.1"
    assert {each.case.name: each.problems for each in certificate.failed("must")} == {}
    assert {each.case.name for each in certificate.failed("should")} == {
        *("batch-chunked", "burst", "keys-present", "lost-reply-is-retried", "rate-limit-passes"),
        *("unavailable-once", "unavailable-twice"),
    }
