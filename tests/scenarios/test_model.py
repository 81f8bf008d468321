"""The errors of scenario files: file, line, key and what is possible."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autumn_mock import scenarios
from autumn_mock.input_files import InputFileError
from autumn_mock.scenarios import read_scenario
from tests.support.refusals import without_path

from .conftest import WriteScenario


def refusal(path: Path) -> str:
    """The error of a file as ``LINE: KEY: TEXT``."""
    with pytest.raises(InputFileError) as caught:
        read_scenario(path)
    return without_path(caught.value, path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "1: the file is empty"),
        ("- drain: 1s", "1: Invalid input: expected object, received array"),
        ("steps:\n  - drain: 1s", "1: title: must be a string (received undefined)"),
        ("title: Mine", "1: steps: Invalid input: expected array, received undefined"),
        ("title: Mine\nsteps: []", "2: steps: Too small: expected array to have >=1 items"),
        ("title: Mine\nstory: [a]\nsteps:\n  - drain: 1s", "2: story: must be a string (received array)"),
        ("title: Mine\nstep:\n  - drain: 1s", "2: step: unknown key, did you mean 'steps'?"),
        (
            "title: Mine\nworld: defualt\nsteps:\n  - drain: 1s",
            "2: world: there is no world 'defualt', did you mean 'default'?",
        ),
        ("title: Mine\nworld: ../x.yaml\nsteps:\n  - drain: 1s", "2: world: there is no file "),
        ("title: Mine\nsteps:\n  - drain: 1s\n    drain: 2s", "4: steps.0.drain: duplicate key; first used in line 3"),
        ("title: Mine\nsteps:\n  - !!python/name:os.system drain: 1s", "3: "),
        ("title: Mine\nsteps:\n  - *x", "3: invalid YAML: found undefined alias"),
    ],
)
def test_read_scenario_refuses_files(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    assert message in refusal(path)


_VERBS = "fault, clear, batch, track, check, call, drain, pause, resume, advance, freeze, expect"
_ITEM = "{customer_id: cus_456, feature_id: messages}"


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("- drain", "3: steps.0: a step is a map, like {drain: 10s}"),
        ("- say: Hello", f"3: steps.0: a step needs one of these keys: {_VERBS}"),
        ("- say: Hello\n  drian: 1s", "4: steps.0.drian: unknown action, did you mean 'drain'?"),
        ("- wait: 1s", f"3: steps.0.wait: unknown action. Known: {_VERBS}"),
        (
            "- fault: queue:down\n  drain: 1s",
            "4: steps.0.drain: a step has one action, and this one already has fault; begin another step",
        ),
        ("- drain: 1s\n  retry: {on: [503]}", "4: steps.0.retry: unknown key. Known: say, drain, expect"),
        ("- say: 5\n  drain: 1s", "3: steps.0.say: must be a string (received number)"),
        # what a step does
        ("- drain: soon", "3: steps.0.drain: 'soon' is not a duration; write 90m, 1d, 1h30m or 250ms"),
        ("- drain: 10", "3: steps.0.drain: must be a duration like 400ms, 2s or 5m"),
        ("- drain: 1d", "3: steps.0.drain: must be a duration of at most 10m"),
        ("- drain: 1s\n  expect: {drained: 1}", "4: steps.0.expect.drained: must be a boolean (received number)"),
        (
            "- advance: tomorrow",
            "3: steps.0.advance: 'tomorrow' is not a duration; write 90m, 1d, 1h30m, 250ms, 1month or next-reset",
        ),
        ("- advance: 60000", "3: steps.0.advance: must be like 90m, 1d, 1h30m, 250ms, 1month or next-reset"),
        (f"- advance: {'9' * 400}d", "3: steps.0.advance: must not be longer than a hundred years"),
        ("- pause: clock", '3: steps.0.pause: Invalid input: expected "workers"'),
        ("- resume: all", '3: steps.0.resume: Invalid input: expected "workers"'),
        ("- freeze: workers", '3: steps.0.freeze: Invalid input: expected "clock"'),
        ("- clear: everything", '3: steps.0.clear: Invalid input: expected "faults"'),
        ("- fault: 5", "3: steps.0.fault: must be a rule, like queue:down times=2"),
        (
            "- fault: queue:dwon",
            "3: steps.0.fault: invalid rule: unknown kind 'queue:dwon', did you mean queue:down? Known: ",
        ),
        ("- fault: queue:down times=x", "3: steps.0.fault: invalid rule: invalid value 'x' for times: not a number"),
        # calls
        (f"- batch: {_ITEM}", "3: steps.0.batch: Invalid input: expected array, received object"),
        ("- batch:\n    - messages", "4: steps.0.batch.0: Invalid input: expected record, received string"),
        (f"- track: [{_ITEM}]", "3: steps.0.track: Invalid input: expected record, received array"),
        ("- call: {body: {}}", "3: steps.0.call.path: must be a path of the API, like /v1/customers.get"),
        ("- call: {path: /_mock/reset}", "3: steps.0.call.path: must be a path of the API, like /v1/customers.get"),
        ("- call: {path: /v1/../_mock/reset}", "3: steps.0.call.path: must be a path of the API, like "),
        ("- call: {path: 'http://x/v1/track'}", "3: steps.0.call.path: must be a path of the API, like "),
        (
            "- call: {path: /v1/track, method: TRACE}",
            "3: steps.0.call.method: must be one of: POST, GET, PUT, PATCH, DELETE",
        ),
        (
            "- call: {path: /v1/track, json: {}}",
            "3: steps.0.call.json: unknown key. Known: path, method, body",
        ),
        (
            "- batch:\n    - customer_id: cus_456\n      timestamp: ${yesterday}",
            "5: steps.0.batch.0.timestamp: unknown placeholder ${yesterday}; use ${now}, ${now-5m} or ${n}",
        ),
        (
            "- call: {path: /v1/track, body: {properties: {at: 'at ${now-soon}'}}}",
            "3: steps.0.call.body.properties.at: unknown placeholder ${now-soon}; use ",
        ),
        (f"- batch: [{_ITEM}]\n  repeat: 0", "4: steps.0.repeat: Too small: expected number to be >=1"),
        (f"- batch: [{_ITEM}]\n  repeat: 1e9", "4: steps.0.repeat: Too big: expected number to be <=10000"),
        (f"- track: {_ITEM}\n  repeat: 2", "4: steps.0.repeat: unknown key"),
        (f"- batch: [{_ITEM}]\n  count: many", "4: steps.0.count: must be a number (received string)"),
        (f"- batch: [{_ITEM}]\n  timeout: 400", "4: steps.0.timeout: must be a duration like 400ms, 2s or 5m"),
        (f"- batch: [{_ITEM}]\n  timeout_is: 5", "4: steps.0.timeout_is: Too small: expected number to be >=100"),
        (f"- batch: [{_ITEM}]\n  with_fault: reply:hnag", "4: steps.0.with_fault: invalid rule: unknown kind"),
        (
            f'- batch: [{_ITEM}]\n  with_fault: "queue:down\\nx: y"',
            "4: steps.0.with_fault: must be one line of ASCII characters, because it is sent as a header",
        ),
        (
            f"- batch: [{_ITEM}]\n  retry: {{times: 3}}",
            "4: steps.0.retry.on: Invalid input: expected array, received undefined",
        ),
        (
            f"- batch: [{_ITEM}]\n  retry: {{on: [503, hang]}}",
            "4: steps.0.retry.on.1: must be a status like 503, or timeout, reset or truncated",
        ),
        (
            f"- batch: [{_ITEM}]\n  retry:\n    on: [503]\n    wait: backoff",
            "6: steps.0.retry.wait: must be retry-after, none, or a duration like 100ms",
        ),
        # what a call is expected to bring
        (
            f"- batch: [{_ITEM}]\n  expect: {{status: ok}}",
            "4: steps.0.expect.status: must be a number (received string)",
        ),
        (
            f"- batch: [{_ITEM}]\n  expect: {{stats: {{lost: 1}}}}",
            "4: steps.0.expect.stats: unknown key, did you mean 'status'?",
        ),
        (
            f"- batch: [{_ITEM}]\n  expect: {{statuses: 503}}",
            "4: steps.0.expect.statuses: must be a list in order, like [503, 202], or the number of each, "
            'like {"202": 10}',
        ),
        (
            f"- batch: [{_ITEM}]\n  expect:\n    statuses: {{202: 10}}",
            "5: steps.0.expect.statuses: a key must be text; put it in quotes",
        ),
        (
            f"- batch: [{_ITEM}]\n  expect:\n    statuses: {{'202': ten}}",
            '5: steps.0.expect.statuses: must be the number of each, like {"202": 10, "429": 2}',
        ),
        (
            f"- batch: [{_ITEM}]\n  expect:\n    statuses: {{never: 1}}",
            "5: steps.0.expect.statuses: must be a status like 503, or timeout, reset or truncated",
        ),
        (
            f"- batch: [{_ITEM}]\n  expect: {{headers: {{retry-after: [1]}}}}",
            "4: steps.0.expect.headers.retry-after: must be text or a number",
        ),
        # what is expected of the organisation
        (
            "- expect: {}",
            "3: steps.0.expect: is empty; name balance, stats, findings, lost, failures or faults",
        ),
        (
            "- expect: {balances: {}}",
            "3: steps.0.expect.balances: unknown key, did you mean 'balance'?",
        ),
        (
            "- expect: {balance: 97}",
            "3: steps.0.expect.balance: must be {customer: cus_123, feature: messages, remaining: 97}, "
            "or a list of these",
        ),
        (
            "- expect:\n    balance:\n      - {customer: cus_456, feature: messages}",
            "5: steps.0.expect.balance.0.remaining: must be a number (received undefined)",
        ),
        (
            "- expect: {stats: {offerd: 1}}",
            "3: steps.0.expect.stats.offerd: unknown key, did you mean 'offered'?",
        ),
        ("- expect: {stats: {lost: none}}", "3: steps.0.expect.stats.lost: must be a number (received string)"),
        ("- expect: {findings: none}", "3: steps.0.expect.findings: Invalid input: expected array, received string"),
        (
            "- expect:\n    findings:\n      - hammring",
            "5: steps.0.expect.findings.0: there is no finding 'hammring', did you mean 'hammering'?",
        ),
        (
            "- expect: {findings: [{code: hammering, amount: 5}]}",
            "3: steps.0.expect.findings.0.amount: unknown key, did you mean 'amounts'?",
        ),
        (
            "- expect: {findings: [3]}",
            "3: steps.0.expect.findings.0: Invalid input: expected object, received number",
        ),
        (
            "- expect: {lost: some}",
            "3: steps.0.expect.lost: must be a number, or a list with a part of each",
        ),
        ("- expect: {failures: -1}", "3: steps.0.expect.failures: Too small: expected number to be >=0"),
        ("- expect: {faults: [completed]}", "3: steps.0.expect.faults: Invalid input: expected record, received array"),
    ],
)
def test_read_scenario_refuses_steps(write_scenario: WriteScenario, step: str, message: str) -> None:
    said = refusal(write_scenario(step))
    assert said.startswith(message)
    assert "\n" not in said


def test_read_scenario_reports_all_errors_in_the_order_of_the_file(write_scenario: WriteScenario) -> None:
    said = refusal(write_scenario("- drain: soon\n- {}\n- expect: {lost: x}\n- pause: me"))
    assert [line.split(":")[0] for line in said.splitlines()] == ["3", "4", "5", "6"]


def test_read_scenario_reads_the_example_of_the_package(tmp_path: Path) -> None:
    example = (scenarios.__doc__ or "").split("\n\n")[2]
    path = tmp_path / "example.yaml"
    path.write_text(dedent(example))
    assert len(read_scenario(path).steps) == 6


_KEYS = """\
say fault clear batch track check call drain pause resume advance freeze expect repeat count timeout timeout_is
with_fault retry on times wait status body headers no_reply statuses path method balance customer feature remaining
stats offered findings code lost failures faults completed workers clock 10s none retry-after hammering queue:down
/v1/track ${now} ${
"""
_WORDS = st.sampled_from(_KEYS.split())
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _WORDS | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(_WORDS, inner),
    max_leaves=8,
)


@given(steps=st.lists(st.dictionaries(_WORDS, _VALUES, max_size=4), max_size=3))
def test_read_scenario_reads_any_steps_or_reports_their_place(
    tmp_path_factory: pytest.TempPathFactory, steps: list[object]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(json.dumps({"title": "Any", "steps": steps}), "utf-8")
    assert not (said := error_of(path)) or said.startswith(f"{path}:")


def error_of(path: Path) -> str:
    """The error of a file, or nothing."""
    try:
        read_scenario(path)
    except InputFileError as error:
        return str(error)
    return ""
