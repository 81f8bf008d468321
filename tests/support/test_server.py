"""The server process that other tests are built on: it must not hide how a server ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.server import ServerProcess


def test_exit_stops_the_process_and_removes_its_directory() -> None:
    with ServerProcess() as server:
        directory = server.cwd
        assert list(directory.iterdir()) == []
        assert server.get("/_mock/health", key=None).status == 200
    assert server.process.poll() is not None
    assert not directory.exists()


def test_start_reports_what_a_failed_server_wrote() -> None:
    with pytest.raises(AssertionError, match=r"ended with code 2(?s:.*)--nonsense"), ServerProcess("--nonsense"):
        pass


def test_exit_accepts_a_process_that_the_test_killed() -> None:
    with ServerProcess() as server:
        server.kill()
    assert server.process.poll() != 0


def test_start_uses_the_given_directory(tmp_path: Path) -> None:
    with ServerProcess("--db", "here.json", cwd=tmp_path):
        pass
    assert (tmp_path / "here.json").exists()


def test_post_sends_keys_headers_and_any_body() -> None:
    with ServerProcess("--key", "am_sk_test_other") as server:
        assert server.post("/v1/features.list", {}, key=None).status == 401
        assert server.post("/v1/features.list", {}, key="am_sk_test_other").body == {"list": []}
        faulty = server.post("/v1/features.list", {}, x_autumn_mock_fault="nonsense")
        assert (faulty.status, faulty.headers["content-type"]) == (400, "application/json")
        assert server.get("/", key=None).headers["content-type"].startswith("text/plain")
