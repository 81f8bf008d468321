"""``snapshot``: saving and loading through files."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tinydb import TinyDB

from tests.faults.wire import connect, receive
from tests.support.client import BATCH, DEFAULT_KEY
from tests.support.server import ServerProcess

from .conftest import ONE, Run, make_history, text_of


def state(server: ServerProcess, key: str | None = None) -> bytes:
    """The state of a server, or of one organisation, without the time of the snapshot."""
    status, _, content = server.send("GET", "/_mock/snapshot", None, server.headers(key))
    assert status == 200, content
    return without_time(content)


def without_time(content: bytes) -> bytes:
    return re.sub(rb'"_autumn_mock": \{\n.*\n\},?\n', b"", content)


def test_save_and_load_keep_the_state_byte_for_byte(run: Run, server: ServerProcess, tmp_path: Path) -> None:
    file = tmp_path / "a snapshot.json"
    make_history(server)
    text = text_of(run("snapshot", "save", str(file)))
    assert text == f"saved organisation autumn-mock in {file}, {file.stat().st_size} bytes\n"
    saved = state(server)
    assert without_time(file.read_bytes()) == saved
    server.ask("/_mock/reset", {}, None)
    text = text_of(run("snapshot", "load", str(file)))
    assert re.fullmatch(r"loaded into organisation autumn-mock: (\d+ [\w ]+, )*\d+ [\w ]+\n", text)
    assert state(server) == saved


def test_load_accepts_a_file_that_tinydb_wrote(run: Run, server: ServerProcess, tmp_path: Path) -> None:
    file = tmp_path / "edited.json"
    text_of(run("snapshot", "save", str(file), "--key", DEFAULT_KEY))
    with TinyDB(file) as database:
        assert [each["id"] for each in database.table("organisations").all()] == ["org_autumn_mock"]
        database.table("customers").update({"name": "Edited"}, lambda each: each["id"] == "cus_123")
    text_of(run("snapshot", "load", str(file), "--key", DEFAULT_KEY))
    assert server.ask("/v1/customers.get", {"customer_id": "cus_123"})["name"] == "Edited"


def test_loaded_state_survives_a_kill(run: Run, server: ServerProcess, tmp_path: Path) -> None:
    file, options = tmp_path / "snapshot.json", ("--db", str(tmp_path / "state.json"))
    make_history(server)
    text_of(run("snapshot", "save", str(file)))
    with ServerProcess(*options) as other:
        other.ask(BATCH, [ONE] * 5)
        text_of(run("snapshot", "load", str(file), AUTUMN_MOCK_URL=other.url))
        other.kill()
    with ServerProcess(*options) as again:
        assert state(again) == state(server)


@pytest.fixture
def large() -> Iterator[ServerProcess]:
    """A server whose state is larger than the bodies it takes."""
    with ServerProcess("--max-body", "1MB", "--rate-limit", "off") as server:
        filler = {"customer_id": "cus_123", "feature_id": "messages", "value": 0, "properties": {"filler": "x" * 400}}
        for _ in range(6):
            server.ask(BATCH, [filler] * 1000)
        server.drain(None)
        yield server


def announced(server: ServerProcess, method: str, path: str, headers: dict[str, str]) -> tuple[int | None, Any]:
    """The reply to a request whose header announces a body of 2 MB, before that is sent."""
    with connect(server.url, 10) as connection:
        lines = [f"{method} {path} HTTP/1.1", "host: localhost", "content-length: 2097152"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        reply = receive(connection)
    return reply.status, json.loads(reply.body)


def test_save_and_load_of_a_state_above_max_body(run: Run, large: ServerProcess, tmp_path: Path) -> None:
    file, before = tmp_path / "large.json", state(large)
    assert len(before) > 3 << 20
    text_of(run("snapshot", "save", str(file), AUTUMN_MOCK_URL=large.url))
    large.ask("/_mock/reset", {}, None)
    text_of(run("snapshot", "load", str(file), AUTUMN_MOCK_URL=large.url))
    assert state(large) == before
    status, reply = announced(large, "POST", BATCH, {})
    assert status == 413
    assert reply["message"] == "The body is too large: this server takes 1048576 bytes; --max-body changes that"


@pytest.mark.skipif(sys.platform == "win32", reason="named pipes")
def test_load_reads_a_pipe(run: Run, server: ServerProcess, tmp_path: Path) -> None:
    content, pipe = state(server), tmp_path / "pipe"
    text_of(run("snapshot", "save", str(tmp_path / "file")))
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes((tmp_path / "file").read_bytes()), daemon=True)
    writer.start()
    text_of(run("snapshot", "load", str(pipe)))
    writer.join(10)
    assert state(server) == content


def test_load_above_max_body_needs_the_token() -> None:
    with ServerProcess("--max-body", "1MB", "--control-token", "secret") as server:
        assert announced(server, "PUT", "/_mock/snapshot", {"x-autumn-mock-token": "wrong"})[0] == 413
        headers = {"x-autumn-mock-token": "secret"}
        assert server.send("PUT", "/_mock/snapshot", b" " * (2 << 20), headers)[0] == 400


def _changed(table: str, **fields: Any) -> Callable[[bytes], bytes]:
    """Changes the first document of a table."""

    def change(content: bytes) -> bytes:
        tables = json.loads(content)
        tables[table][next(iter(tables[table]))].update(fields)
        return json.dumps(tables).encode()

    return change


def _with(table: str, value: Any) -> Callable[[bytes], bytes]:
    return lambda content: json.dumps({**json.loads(content), table: value}).encode()


#: Files that are not snapshots, made from one.
DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda _: b"",
    "a page": lambda _: b"<html>404</html>",
    "a list": lambda _: b"[]",
    "null": lambda _: b"null",
    "other JSON": lambda _: b'{"name": "package", "version": "1.0.0"}',
    "other TinyDB": lambda _: b'{"_default": {"1": {"a": 1}}}',
    "a world": lambda _: b"organisations: []\n",
    "binary": lambda _: bytes(range(256)),
    "half of it": lambda content: content[: len(content) // 2],
    "twice": lambda content: content + content,
    "deep": lambda _: b"[" * 100_000,
    "not UTF-8": lambda content: content.replace(b"cus_456", b"cus_\xff\xfe", 1),
    "another format": _changed("_autumn_mock", format=99),
    "no format": _changed("_autumn_mock", format=None),
    "an invalid table": _with("customers", [1]),
    "an invalid document": _with("customers", {"1": 1}),
    "an invalid amount": _changed("balances", balance="much"),
    "an invalid id": _changed("customers", id=7),
    "an invalid counter": _changed("books", offered="three"),
}


def test_load_refuses_other_files_and_changes_nothing(run: Run, server: ServerProcess, tmp_path: Path) -> None:
    file, saved = tmp_path / "file", tmp_path / "saved"
    make_history(server)
    text_of(run("snapshot", "save", str(saved)))
    before = state(server)
    for name, damage in DAMAGE.items():
        file.write_bytes(damage(saved.read_bytes()))
        for key in ([], ["--key", DEFAULT_KEY]):
            text = text_of(run("snapshot", "load", str(file), *key), code=1)
            assert re.fullmatch(r"Error: \w.{20,}\n", text), (name, text)
            assert state(server) == before, name


def test_save_and_load_name_a_path_that_cannot_be_used(run: Run, server: ServerProcess, tmp_path: Path) -> None:
    assert server
    missing = str(tmp_path / "missing" / "file.json")
    assert missing in text_of(run("snapshot", "save", missing), code=1)
    for words in (("save", str(tmp_path)), ("load", missing), ("load", str(tmp_path)), ("save",)):
        assert (words[-1] if len(words) > 1 else "FILE") in text_of(run("snapshot", *words), code=2)
