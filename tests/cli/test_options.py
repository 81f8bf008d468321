"""The options of all commands that call a server, and the errors of these calls."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests.support.client import DEFAULT_KEY
from tests.support.server import ServerProcess

from .conftest import ONE, Run, document, runner, send, text_of


def test_asks_server_reports_that_no_server_is_listening() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # without listening
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        for command in (["health"], ["stats"], ["fault", "list"], ["requests", "--follow"], ["balances", "cus_123"]):
            result = runner(url)(*command)
            expected = f"Error: no server is listening at {url}; start one with `autumn-mock serve`\n"
            assert text_of(result, code=1) == expected


class _Other(BaseHTTPRequestHandler):
    """Another program's server."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>hello</html>")

    def log_message(self, *_arguments: Any) -> None:
        pass


def test_asks_server_reports_another_program() -> None:
    with HTTPServer(("127.0.0.1", 0), _Other) as other:
        thread = threading.Thread(target=other.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            text = text_of(runner(f"http://127.0.0.1:{other.server_port}")("stats"), code=1)
        finally:
            other.shutdown()
            thread.join()
    assert "was answered with status 200 and no valid body; is another program listening there?" in text


def test_key_that_is_unknown_is_reported_with_a_hint(run: Run) -> None:
    text = text_of(run("stats", "--key", "am_sk_test_wrong"), code=1)
    assert "No organisation here has this key" in text
    assert "--key ''" in text
    assert text_of(run("stats", "--key", "", AUTUMN_SECRET_KEY="am_sk_test_wrong"))


def test_key_limits_a_command_to_its_organisation(run: Run, server: ServerProcess) -> None:
    send(server, ONE)
    assert document(run("stats", "--json"))["organisations"]
    assert document(run("stats", "--json", "--key", DEFAULT_KEY))["offered"] == 1
    assert document(run("stats", "--json", AUTUMN_SECRET_KEY="am_sk_live_autumn_mock"))["offered"] == 0
    several = f"am_sk_live_autumn_mock,{DEFAULT_KEY}"
    assert document(run("stats", "--json", AUTUMN_MOCK_KEY=several))["offered"] == 0


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["stats", "--url", "localhost"], "http://"),
        (["stats", "--key", "schlüssel"], "letters"),
        (["requests", "--count", "1"], "--follow"),
        (["requests", "1", "--follow"], "--follow"),
        (["requests", "one"], "one"),
        (["events", "--limit", "0"], "0"),
        (["queue", "drain", "--timeout", "soon"], "soon"),
        (["fault", "clear", "all"], "all"),
        (["fault", "kinds", "enqueue"], "enqueue:fail"),
    ],
)
def test_options_that_are_invalid_end_with_code_2(run: Run, arguments: list[str], named: str) -> None:
    assert named in text_of(run(*arguments), code=2)
