"""The process of an adapter: what it answers, and each way in which it fails."""

from __future__ import annotations

import sys

import pytest

from autumn_mock.certification.adapter import Adapter, AdapterFailed
from autumn_mock.certification.runner import introduce
from tests.certification.conftest import WriteAdapter

#: What an adapter does instead of answering, and what the error says.
FAILURES = {
    "sys.exit(3)": r"the adapter ended with exit code 3 before it answered 'hello'",
    "os.close(1); time.sleep(30)": r"the adapter closed its output before it answered 'hello'",
    "time.sleep(30)": r"the adapter did not answer 'hello' within 1.5 s",
    "print('connecting to the server', flush=True)": r"not JSON: 'connecting .*print everything else on standard error",
    "print('{\"id\": 1}', flush=True)": r"does not follow the protocol \(.*`outcome`.*certify --protocol",
    'print(\'{"id": 1, "outcome": "fine"}\', flush=True)': r"does not follow the protocol \(Invalid enum value 'fine'",
    "print('[1]', flush=True)": r"does not follow the protocol",
    "sys.stdout.buffer.write(b'\\xff\\xfe\\n'); sys.stdout.flush()": r"not JSON",
    'print(\'{"id": 7, "outcome": "returned"}\', flush=True)': r"answered number 7, which is not a number",
}


@pytest.mark.parametrize("statement", FAILURES)
def test_adapter_that_does_not_answer_is_an_error(write_adapter: WriteAdapter, statement: str) -> None:
    command = write_adapter(f"def answer(do, instruction):\n    {statement}\n    return {{'outcome': 'returned'}}")
    with pytest.raises(AdapterFailed, match=FAILURES[statement]), Adapter(command, timeout=1.5) as adapter:
        adapter.ask("hello")


def test_error_has_the_last_lines_of_standard_error(write_adapter: WriteAdapter) -> None:
    command = write_adapter("print('no such gem: autumn', file=sys.stderr)\nsys.exit(1)")
    with pytest.raises(AdapterFailed, match=r"its last lines on standard error:\n  no such gem: autumn$"):
        introduce(command)


def test_command_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(AdapterFailed, match="the adapter 'no-such-program' cannot be run: No such file"):
        introduce(["no-such-program"])


def test_answers_may_arrive_in_any_order(write_adapter: WriteAdapter) -> None:
    command = write_adapter(
        """
        first = sys.stdin.readline()
        for line in (sys.stdin.readline(), first):
            instruction = json.loads(line)
            value = instruction["item"]
            print(json.dumps({"id": instruction["id"], "outcome": "returned", "value": value}), flush=True)
        """
    )
    with Adapter(command) as adapter:
        answers = adapter.ask_all([("track", {"item": 1}), ("track", {"item": 2})])
    assert [answer.value for answer, _ in answers] == [1, 2]


def test_large_instructions_do_not_block(write_adapter: WriteAdapter) -> None:
    command = write_adapter(
        "def answer(do, instruction):\n    return {'outcome': 'returned', 'value': instruction['item']}"
    )
    item = "x" * 300_000
    with Adapter(command) as adapter:
        answers = adapter.ask_all([("track", {"item": item})] * 8)
    assert [answer.value for answer, _ in answers] == [item] * 8


def test_process_that_ignores_the_end_of_its_input_is_ended(
    write_adapter: WriteAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autumn_mock.certification.adapter._END_S", 0.2)
    monkeypatch.setattr("autumn_mock.certification.adapter._TERM_S", 0.2)
    command = write_adapter(
        "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print(json.dumps({'id': 1, 'outcome': 'returned'}), flush=True)\ntime.sleep(60)"
    )
    with Adapter(command) as adapter:
        adapter.ask("hello")
        process = adapter._process
    assert process is not None
    assert process.returncode == -9


@pytest.mark.parametrize("value", ["3", "'a client'", "{'client': 3}"])
def test_hello_must_name_the_client(write_adapter: WriteAdapter, value: str) -> None:
    command = write_adapter(f"def answer(do, instruction):\n    return {{'outcome': 'returned', 'value': {value}}}")
    with pytest.raises(AdapterFailed, match=r"a value that is not \{client, version\}"):
        introduce(command)


def test_client_is_named() -> None:
    program = 'import json; input(); print(json.dumps({"id": 1, "outcome": "returned", "value": {"client": "mine"}}))'
    assert str(introduce([sys.executable, "-c", program])) == "mine"
