"""What the real, open-source server answered, asked of ours."""

from __future__ import annotations

import pytest

from autumn_mock.fidelity.recordings import directory
from autumn_mock.fidelity.suites import SUITES, Suite, known, own_service, run
from tests.fidelity.counts import COMPARED


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_every_recording_matches(suite: Suite) -> None:
    """Everything matches but what is listed, and everything that is listed does not."""
    with own_service(suite) as service:
        result = run(suite, service)
    report = "\n".join(
        f"{each.name}\n" + "\n".join(f"    {problem}" for problem in each.problems[:8]) for each in result.differing
    )
    assert not result.differing, f"{len(result.differing)} do not match:\n{report}"
    matching = [each.name for each in result.matched if each.name in known()]
    assert not matching, f"these match now, take them off the list: {matching}"
    assert not result.skipped
    counted = (len(result.matched), len(result.known))
    assert counted == COMPARED[suite.name], "correct tests/fidelity/counts.py, then run: python -m tests.docs"


def test_every_listed_difference_has_a_reason_and_names_something_recorded() -> None:
    text = "".join((directory() / suite.file).read_text("utf-8") for suite in SUITES if suite.name != "cases")
    for name, reason in known().items():
        assert reason
        assert name.split(" (")[0] in text


def test_the_recordings_are_whole() -> None:
    assert {suite.file for suite in SUITES} | {"atmn.jsonl", "webhooks.jsonl"} == {
        path.name for path in directory().glob("*.jsonl")
    }
