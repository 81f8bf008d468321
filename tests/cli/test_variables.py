"""Variables ``AUTUMN_MOCK_*`` that nothing reads: a warning of every command that reads settings."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from autumn_mock.cli import main
from autumn_mock.cli.variables import known_variables, unknown_variables

ROOT = Path(__file__).parents[2]
UNKNOWN = "AUTUMN_MOCK_AUTO_ORG_IDEL"
WARNING = f"the variable {UNKNOWN} is not known, and is ignored, did you mean AUTUMN_MOCK_AUTO_ORG_IDLE?"
_SUFFIXES = {".py", ".md", ".js", ".mjs", ".cjs", ".ts", ".go", ".rb", ".sh", ".yaml", ".yml", ".service", ""}


def read_somewhere() -> set[str]:
    """The variables that the package, the examples and the tests name."""
    own = (Path(__file__), ROOT / "autumn_mock" / "cli" / "variables.py")
    found: set[str] = set()
    for folder in ("autumn_mock", "fixtures", "tests", ".ci", ".github"):
        for path in (ROOT / folder).rglob("*"):
            is_text = path.suffix in _SUFFIXES and "node_modules" not in path.parts and ".ci/venv" not in str(path)
            if is_text and path.is_file() and path not in own:
                found |= set(re.findall(r"\bAUTUMN_MOCK_[A-Z_]*[A-Z]\b", path.read_text("utf-8", "replace")))
    return found


def test_all_variables_that_are_read_are_known_and_no_others() -> None:
    assert read_somewhere() == known_variables()


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("AUTUMN_MOCK_CONTROL_TOKN", ", did you mean AUTUMN_MOCK_CONTROL_TOKEN?"),
        ("AUTUMN_MOCK_ULR", ", did you mean AUTUMN_MOCK_URL?"),
        ("AUTUMN_MOCK_XYZZY", "; autumn-mock docs settings lists all of them"),
    ],
)
def test_a_warning_suggests_a_name(name: str, end: str) -> None:
    assert unknown_variables({name: "1", "AUTUMN_MOCK_PORT": "1", "AUTUMN_MOCKERY": "1"}) == [
        f"the variable {name} is not known, and is ignored{end}"
    ]


@pytest.mark.parametrize(
    "words",
    [
        ["org", "list", "--url", "http://127.0.0.1:9"],
        ["scenario", "run", "missing"],
        ["exec", "--world", "missing", "true"],
        ["serve", "--world", "missing"],
    ],
)
def test_commands_that_read_settings_warn_once(words: list[str]) -> None:
    done = CliRunner().invoke(main, words, env={UNKNOWN: "1h"})
    assert done.stderr.count(WARNING) == 1
    assert WARNING not in CliRunner().invoke(main, words).stderr


def test_a_log_in_json_has_the_warning_in_json() -> None:
    done = CliRunner().invoke(main, ["serve", "--world", "missing", "--log", "json"], env={UNKNOWN: "1h"})
    line = json.loads(done.stderr.splitlines()[0])
    assert (line["event"], line["level"], line["message"]) == ("log", "warning", WARNING)
