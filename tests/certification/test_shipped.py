"""The shipped cases, and the shipped clients that have to pass all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from autumn_mock.certification.model import GROUPS, LEVELS, ExpectOfCase, Instruct, read_case, read_cases
from autumn_mock.certification.runner import certify
from autumn_mock.certification.shipped import adapter_command
from autumn_mock.input_files import InputFileError, shipped_files

CASES = read_cases(shipped_files("case"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case_instructs_the_client_and_judges_it(case: object) -> None:
    assert case in CASES
    found = next(each for each in CASES if each is case)
    assert any(isinstance(step.action, Instruct) for step in found.steps)
    assert isinstance(found.steps[-1].action, ExpectOfCase)
    expect = found.steps[-1].action.expect
    assert expect.usage is not None or expect.balances or expect.request_rules


def test_cases_are_sorted_by_group_and_level() -> None:
    places = [(GROUPS.index(case.group), LEVELS.index(case.level), case.name) for case in CASES]
    assert places == sorted(places)


@pytest.mark.parametrize("client", ["httpx", "fetch"])
def test_reference_client_passes_and_is_charged_what_the_service_charges(
    url: str, client: str, request: pytest.FixtureRequest
) -> None:
    if client == "fetch":
        request.getfixturevalue("node")
    certificate = certify(CASES, url, adapter_command(client), jobs=8)
    assert {each.case.name: each.problems for each in certificate.results if each.verdict != "passed"} == {}
    charged = {each.case.name: dict(each.charged) for each in certificate.results}
    assert charged == {
        case.name: {(each.customer, each.feature): each.amount for each in case.charged} for case in CASES
    }


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("level: maybe", "level: must be one of"),
        ("configure: {timeout: 5}", "configure.timeout: must be a duration"),
        ("configure: {retries: 5}", "configure.retries: unknown key"),
        ("steps: [{track: {}, expect: {outcome: fine}}]", "steps.0.expect.outcome: must be one of"),
        ("steps: [{expect: {usage: twice}}]", "steps.0.expect.usage: must be one of"),
        ("steps: [{expect: {requests: {headers: {a: '('}}}}]", "must be a regular expression"),
        ("steps: [{call: {path: /v1/x}}]", "steps.0.call: unknown action"),
    ],
)
def test_errors_of_a_case_file_name_their_place(tmp_path: Path, text: str, error: str) -> None:
    lines = {
        "title": "title: Mine",
        "group": "group: calls",
        "level": "level: must",
        "reason": "reason: Why",
        "charged": "charged: []",
        "steps": "steps: [{flush: client}]",
        text.partition(":")[0]: text,
    }
    path = tmp_path / "mine.yaml"
    path.write_text("\n".join(lines.values()), "utf-8")
    with pytest.raises(InputFileError) as raised:
        read_case(path)
    assert error in str(raised.value)
