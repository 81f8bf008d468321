"""``generate``: a file of customers with a past, and a server that continues with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tinydb import TinyDB

from autumn_mock.clock import wall_clock
from tests.support.server import ServerProcess

from .conftest import document, runner, text_of

NOWHERE = runner("http://127.0.0.1:9")
SMALL = ("generate", "--customers", "20", "--days", "10", "--now", "2026-09-27T20:00:00Z")


def test_its_file_is_a_database_and_a_world(tmp_path: Path) -> None:
    file = tmp_path / "saas.json"
    written = text_of(NOWHERE(*SMALL, str(file)))
    assert written.startswith("wrote 20 customers, ")
    assert written.endswith(f" to {file}; start with: autumn-mock serve --db {file}\n")
    made = document(NOWHERE(*SMALL, str(file), "--force", "--json"))
    assert made["file"] == str(file)
    assert made["bytes"] == file.stat().st_size
    assert document(NOWHERE("world", "check", str(file), "--json"))["events"] == made["events"]
    assert document(NOWHERE("audit", "--db", str(file), "--json"))["balanced"] is True
    with ServerProcess("--db", str(file), "--now", "2026-09-27T20:00:00Z", key="am_sk_test_saas") as server:
        shown = server.ask("/v1/events.aggregate", {"feature_id": ["api_calls", "messages", "images"], "range": "30d"})
        assert sum(each["count"] for each in shown["total"].values()) == made["events"]


def test_it_writes_to_standard_output() -> None:
    done = NOWHERE(*SMALL, "-")
    assert done.exit_code == 0
    assert '"org_saas"' in done.stdout
    assert done.stderr.startswith("wrote 20 customers, ")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--customers", "0"), "0 is not in the range"),
        (("--world", "saass"), "there is no world 'saass', did you mean 'saas'?"),
        (("--world", "empty"), "the sandbox has no plan that customers could be on"),
        (("--now", "soon"), "must be an instant like"),
        (("--now", "-3x"), "or a time before now, like -3d"),
    ],
)
def test_mistakes_are_reported(tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    assert message in text_of(NOWHERE(*SMALL, str(tmp_path / "x.json"), *options), code=2)
    assert list(tmp_path.iterdir()) == []


def test_the_past_can_end_before_now(tmp_path: Path) -> None:
    file = tmp_path / "past.json"
    done = NOWHERE("generate", "--customers", "3", "--days", "2", "--now", "-3d", str(file))
    assert "wrote 3 customers" in done.output
    with TinyDB(file) as database:
        times = [int(each["timestamp"]) for each in database.table("events").all()]
    end = wall_clock() - 3 * 86_400_000
    assert end - 2 * 86_400_000 < max(times) <= end


def test_an_existing_file_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text("mine")
    assert "exists; choose another name, or replace it with --force" in text_of(NOWHERE(*SMALL, str(file)), code=1)
    assert file.read_text() == "mine"


def test_more_events_than_a_server_keeps_are_mentioned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from autumn_mock.cli import generate

    monkeypatch.setattr(generate, "most_events", lambda: 10)
    file = tmp_path / "many.json"
    assert f" --db {file} --max-events " in text_of(NOWHERE(*SMALL, str(file)))
