"""``requests``: the list with its filters, one request whole, as a curl command and as HAR."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.client import CHECK, DEFAULT_KEY, TRACK
from tests.support.server import ServerProcess

from .conftest import LOST, ONE, Run, document, make_history, send, text_of


@pytest.fixture
def history(server: ServerProcess) -> ServerProcess:
    """A check that fails, one that a fault answers, and a track."""
    server.post(CHECK, {"customer_id": "cus_123", "feature_id": "mesages"}, x_request_id="test-7")
    server.post(CHECK, {"customer_id": "cus_456", "feature_id": "messages"}, x_autumn_mock_fault="reply:status 503")
    server.post(TRACK, {"customer_id": "cus_123", "feature_id": "messages", "value": 3})
    return server


def numbers(run: Run, *options: str) -> list[int]:
    """The requests that filters select, counted from the first one."""
    every = [each["id"] for each in document(run("requests", "--json"))["list"]]
    return [every.index(each["id"]) + 1 for each in document(run("requests", "--json", *options))["list"]]


def identity(run: Run, number: int) -> str:
    """The ID of a request that is counted from the first one."""
    return str(document(run("requests", "--json"))["list"][number - 1]["id"])


def test_list_has_status_customer_items_and_faults(run: Run, server: ServerProcess) -> None:
    make_history(server)
    lines = text_of(run("requests")).splitlines()
    assert lines[0].split() == ["id", "time", "UTC", "call", "status", "customer", "items", "ms", "message"]
    shown = "\n".join(lines[1:])
    assert re.search(
        r"balances\.batch_track +202 +cus_123 +4, 1 refused +\d+\.\d\n    fault: enqueue:fail items=0\n", shown
    )
    assert re.search(
        r"batch_track +none \(202\) +cus_123 +4 +\d+\.\d\n    fault: reply:reset .*\n    reply: lost\n", shown
    )
    assert re.search(r"balances\.batch_track +503 +cus_123 +4, 4 refused +\d+\.\d  Async track is not available", shown)
    assert re.search(r"GET /v1/nothing +401", shown)
    assert len(document(run("requests", "--json"))["list"]) == 5


def test_list_cuts_and_escapes_what_clients_sent(run: Run, server: ServerProcess) -> None:
    customer = "c" * 3000 + "\x1b[2J"
    server.post(TRACK, {"customer_id": customer, "feature_id": "messages"})
    server.get(f"/v1/{'a' * 3000}%1b[2J")
    for width in ("80", "300"):
        text = text_of(run("requests", COLUMNS=width))
        assert "\x1b" not in text
        assert 500 < text.count("a") < 1200
        assert text.count("…") >= 2
    assert max(map(len, text_of(run("requests")).splitlines())) < 900
    assert document(run("requests", "--json"))["list"][0]["customer_id"] == customer


@pytest.mark.usefixtures("history")
def test_list_fits_eighty_columns_with_messages_below(run: Run) -> None:
    lines = text_of(run("requests", COLUMNS="80")).splitlines()
    assert max(map(len, lines)) <= 80
    assert "    Feature mesages not found" in lines


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (("--status", "404"), [1]),
        (("--status", "5xx"), [2]),
        (("--call", "track"), [3]),
        (("--customer", "cus_456"), [2]),
        (("--since", "1h", "--call", "balances.check"), [1, 2]),
        (("--failed",), [1, 2]),
        (("--failed", "--limit", "1"), [2]),
        (("--status", "none"), []),
    ],
)
@pytest.mark.usefixtures("history")
def test_filters_select_requests(run: Run, options: tuple[str, ...], found: list[int]) -> None:
    assert numbers(run, *options) == found


@pytest.mark.usefixtures("history")
def test_filters_of_nothing_say_so_and_wrong_ones_are_refused(run: Run) -> None:
    assert text_of(run("requests", "--status", "500")) == "no such requests\n"
    assert "did you mean 'balances.check'?" in text_of(run("requests", "--call", "balances.chek"), code=1)
    assert "status: must be a status like 404" in text_of(run("requests", "--status", "many"), code=1)
    assert "--failed cannot be used with an ID" in text_of(run("requests", "1", "--failed"), code=2)
    assert "--curl requires an ID" in text_of(run("requests", "--curl"), code=2)
    assert "--follow cannot be used with" in text_of(run("requests", "--follow", "--har", "x.har"), code=2)


@pytest.mark.usefixtures("history")
def test_an_id_prints_all_of_a_request(run: Run) -> None:
    text = text_of(run("requests", identity(run, 1), COLUMNS="80"))
    assert max(map(len, text.splitlines())) <= 80
    assert re.search(r"correlation id +test-7\n", text)
    assert re.search(r"customer +cus_123\n", text)
    assert re.search(r"message +Feature mesages not found\n", text)
    assert 'request body (51 bytes)\n  {\n    "customer_id": "cus_123",\n    "feature_id": "mesages"\n  }\n' in text
    assert '    "code": "feature_not_found",\n' in text
    assert "authorization     Bearer am_sk_test_" in re.sub(" +Bearer", "     Bearer", text)
    assert DEFAULT_KEY not in text
    assert re.search(r"reply headers\n(  .*\n)*  x-request-id +test-7\n", text)


def test_an_id_prints_the_status_of_its_items_and_what_they_took(run: Run, server: ServerProcess) -> None:
    send(server, ONE, {**ONE, "value": 2}, LOST, fault="enqueue:fail items=0; worker:duplicate customer=cus_123")
    number = identity(run, 1)
    text = text_of(run("requests", number))
    assert f"request {number}: POST /v1/balances.batch_track\n" in text
    assert re.search(r"client received +202\n +service status +202\n", text)
    assert re.search(r"0  refused   cus_123   messages      1  enqueue:fail items=0\n", text)
    assert re.search(r"1  deducted  cus_123   messages      2\n", text)
    assert re.search(r"2  lost      cus_none  messages      1  customer_not_found\n", text)
    assert "duplicated by worker:duplicate" in text
    assert re.search(r"item  deducted  of        plan  balance\n   1         2  messages  free  cus_ent_\w+\n", text)
    assert len(document(run("requests", number, "--json"))["items_fate"]) == 3
    assert "There is no request 0" in text_of(run("requests", "0"), code=1)


@pytest.mark.usefixtures("history")
def test_an_id_prints_what_a_direct_call_took(run: Run) -> None:
    [deduction] = document(run("requests", identity(run, 3), "--json"))["deductions"]
    assert (deduction["index"], deduction["feature_id"], deduction["value"]) == (None, "messages", 3)


def test_curl_sends_the_request_again(run: Run, history: ServerProcess) -> None:
    command = text_of(run("requests", identity(run, 1), "--curl"))
    assert command.startswith("curl -X POST http://127.0.0.1:")
    assert '-H "Authorization: Bearer $AUTUMN_SECRET_KEY"' in command
    assert "x-request-id: test-7" in command
    done = subprocess.run(
        ["sh", "-c", command.replace("curl ", "curl -s ", 1)],
        env={"AUTUMN_SECRET_KEY": history.key, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert json.loads(done.stdout)["message"] == "Feature mesages not found"


def test_har_has_the_fields_of_version_1_2(run: Run, history: ServerProcess, tmp_path: Path) -> None:
    path = tmp_path / "requests.har"
    assert text_of(run("requests", "--har", str(path))) == f"3 requests written to {path}\n"
    log = json.loads(path.read_text("utf-8"))["log"]
    assert (log["version"], log["creator"]["name"]) == ("1.2", "autumn-mock")
    for entry in log["entries"]:
        assert_har_entry(entry)
    first = log["entries"][0]
    assert json.loads(first["request"]["postData"]["text"])["feature_id"] == "mesages"
    assert (first["response"]["status"], first["response"]["statusText"]) == (404, "Not Found")
    assert json.loads(first["response"]["content"]["text"])["code"] == "feature_not_found"
    assert history.key not in path.read_text("utf-8")
    assert len(json.loads(text_of(run("requests", "--har", "-", "--failed")))["log"]["entries"]) == 2


#: The required fields of each object (HAR 1.2), with their types.
HAR: dict[str, dict[str, Any]] = {
    "": {"startedDateTime": str, "time": float, "request": dict, "response": dict, "cache": dict, "timings": dict},
    "request": {
        "method": str,
        "url": str,
        "httpVersion": str,
        "cookies": list,
        "headers": list,
        "queryString": list,
        "headersSize": int,
        "bodySize": int,
    },
    "response": {
        "status": int,
        "statusText": str,
        "httpVersion": str,
        "cookies": list,
        "headers": list,
        "content": dict,
        "redirectURL": str,
        "headersSize": int,
        "bodySize": int,
    },
    "timings": {"send": int, "wait": float, "receive": int},
}


def assert_har_entry(entry: dict[str, Any]) -> None:
    """An entry has the fields that the specification requires, and is at a moment with a zone."""
    for name, required in HAR.items():
        part = entry[name] if name else entry
        for field, kind in required.items():
            assert isinstance(part[field], kind), (name, field, part[field])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", entry["startedDateTime"])
    assert all(set(each) == {"name", "value"} for part in ("request", "response") for each in entry[part]["headers"])
    assert {"size", "mimeType"} <= set(entry["response"]["content"])


def test_requests_with_unknown_keys_are_reported(run: Run, history: ServerProcess) -> None:
    for _ in range(3):
        history.post(CHECK, {"customer_id": "cus_9"}, "am_sk_test_xyz_unknown")
    result = run("requests", "--key", history.key)
    text_of(result)
    assert re.search(r"\d+ requests? used a key that opens no organisation: .*am_sk_test_xyz_\*{7}", result.stderr)
    assert "cus_9" not in result.stdout
    rows = document(run("requests", "--json", "--customer", "cus_9", "--key", ""))["list"]
    assert {each["message"] for each in rows} == {"Invalid secret key: am_sk_test_xyz_*******"}
    assert {each["org"] for each in rows} == {""}
