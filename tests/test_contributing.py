"""CONTRIBUTING.md names what there is: files, and every section of the contract that the code cites."""

from __future__ import annotations

import re
from pathlib import Path

import autumn_mock

ROOT = Path(autumn_mock.__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
#: What a step makes, and a name with a placeholder.
_NOT_THERE = {".ci/venv", "wire/versions/vX_Y.py"}
_CITATION = re.compile(r"contract (\d+)")


def test_every_cited_section_of_the_contract_is_listed() -> None:
    cited = {
        int(section)
        for folder in ("autumn_mock", "tests")
        for path in (ROOT / folder).rglob("*.py")
        for section in _CITATION.findall(path.read_text("utf-8"))
    }
    listed = {int(section) for section in re.findall(r"^\| (\d+) \|", TEXT, re.MULTILINE)}
    assert cited == listed


def test_every_file_that_is_named_exists() -> None:
    """Relative to the repository or to the package."""
    named = re.findall(r"`([\w./-]+/[\w./-]*|[\w-]+\.(?:py|md|toml|yaml))`", TEXT)
    missing = [each for each in named if not (ROOT / each).exists() and not (ROOT / "autumn_mock" / each).exists()]
    assert set(missing) - _NOT_THERE == set()
