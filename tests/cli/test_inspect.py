"""``health``, ``failures``, ``lost`` and ``findings``."""

from __future__ import annotations

import re

import pytest

from tests.support.client import BATCH
from tests.support.server import ServerProcess

from .conftest import ONE, Run, document, make_history, runner, text_of


def test_health_prints_version_and_url(run: Run, running: ServerProcess) -> None:
    assert text_of(run("health")).startswith("ok: autumn-mock ")
    assert running.url in text_of(run("health", "--url", f"{running.url}/"))


def test_failures_lists_refused_items(run: Run, server: ServerProcess) -> None:
    make_history(server)
    lines = text_of(run("failures")).splitlines()
    assert lines[0].split() == ["time", "UTC", "refused", "reply", "request", "id"]
    assert re.search(r"1 of 4 +success +req_\w+$", lines[1])
    assert lines[2] == "    item 0: 1 messages of cus_123: enqueue:fail items=0"
    assert re.search(r"4 of 4 +503 +req_\w+$", lines[3])
    assert len(document(run("failures", "--json"))["list"]) == 2


def test_failures_prints_the_first_of_many_items(run: Run, server: ServerProcess) -> None:
    server.post(BATCH, [ONE] * 30, x_autumn_mock_fault="queue:down")
    lines = text_of(run("failures")).splitlines()
    assert lines[-1] == "    and 20 more"
    assert len(lines) == 13


def test_lost_lists_items_with_the_reason(run: Run, server: ServerProcess) -> None:
    make_history(server)
    lines = text_of(run("lost")).splitlines()
    assert lines[0].split() == ["time", "UTC", "customer", "feature", "value", "reason"]
    assert re.search(r"cus_none +messages +1  customer_not_found$", lines[1])
    assert re.fullmatch(r"    Customer cus_none not found \(req_\w+-2\)", lines[2])
    assert {each["reason"] for each in document(run("lost", "--json"))["list"]} == {"customer_not_found"}


def test_findings_prints_message_reason_and_advice(run: Run, server: ServerProcess) -> None:
    make_history(server)
    found = document(run("findings", "--json"))["list"]
    text = text_of(run("findings"))
    assert found
    for each in found:
        assert each["title"] in text
        assert each["message"] in text
        assert each["why"] in text
        assert each["instead"] in text


def test_findings_without_an_organisation(run: Run, server: ServerProcess) -> None:
    for _ in range(3):
        assert server.post("/v1/balances.check", {"customer_id": "c"}, key="am_sk_test_unknown").status == 401
    assert re.search(r"code +wrong_key_retried, .* UTC, no organisation\n", text_of(run("findings", "--key", "")))


@pytest.mark.parametrize(
    "words",
    [
        ["health"],
        ["org", "list"],
        ["scenario", "run", "partial-failure"],
        ["world", "from", "URL", "--key", "am_sk_test_autumn_mock"],
    ],
)
def test_commands_say_that_a_server_of_an_https_url_speaks_http(words: list[str], running: ServerProcess) -> None:
    url = running.url.replace("http:", "https:")
    result = runner(url)(*(each.replace("URL", url) for each in words))
    assert f"the server at {url} does not speak https; give its URL with http://" in text_of(result, 1)


def test_findings_marks_what_is_probable(run: Run, server: ServerProcess) -> None:
    for _ in range(2):  # the same usage, without marks: it may be another one
        server.post("/v1/balances.batch_track", [ONE])
    [found] = [each for each in document(run("findings", "--json"))["list"] if not each["certain"]]
    assert f"{found['title']} (probable)\n" in text_of(run("findings"))
