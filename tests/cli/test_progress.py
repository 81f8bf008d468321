"""The progress bars for large files."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from autumn_mock.cli.progress import loading_bar, with_bar
from autumn_mock.engine import Engine


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_loading_bar_is_shown_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with loading_bar() as progress:
        for done in range(0, 50_001, 500):
            progress(done, 50_000)
    assert "autumn-mock: loading" in terminal.getvalue()
    assert " 50%" in terminal.getvalue()
    assert "100%" in terminal.getvalue()


@pytest.mark.parametrize(("stream", "total"), [(Terminal(), 1000), (io.StringIO(), 50_000)])
def test_loading_bar_is_hidden_for_small_files_and_pipes(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, total: int
) -> None:
    monkeypatch.setattr("sys.stderr", stream)
    with loading_bar() as progress:
        progress(0, total)
        progress(total, total)
    assert stream.getvalue() == ""


@pytest.mark.parametrize(("stream", "total", "shown"), [(Terminal(), 10 << 20, True), (Terminal(), 1 << 20, False)])
def test_with_bar_is_shown_for_large_files_and_passes_all_pieces(
    monkeypatch: pytest.MonkeyPatch, stream: Terminal, total: int, shown: bool
) -> None:
    monkeypatch.setattr("sys.stderr", stream)
    pieces = [b"x" * (total // 10)] * 10
    assert list(with_bar(pieces, total, "autumn-mock: saving")) == pieces
    assert ("100%" in stream.getvalue()) is shown
    assert list(with_bar(pieces, None, "autumn-mock: saving")) == pieces


def test_engine_reports_its_progress_in_file_and_log(tmp_path: Path) -> None:
    path = tmp_path / "db.json"
    first = Engine(db=path)
    first.state.checkpoint()
    first.open_organisation()
    first.state.close()  # the organisation is in the log only
    calls: list[tuple[int, int]] = []
    second = Engine(db=path, progress=lambda done, total: calls.append((done, total)))
    second.state.close()
    done = [each for each, _ in calls]
    assert done == sorted(done)
    assert {total for _, total in calls} == {done[-1]}
    assert len(done) > 2
