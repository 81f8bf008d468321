"""Every script in its brief form. The long forms: ``python -m tests.chaos``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.chaos.__main__ import chosen
from tests.chaos.scripts import Script, Unreachable

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")


@pytest.mark.parametrize("script", chosen([]), ids=lambda script: script.name)
def test_the_law_holds(script: Script, tmp_path: Path) -> None:
    try:
        figures = script.law(script.brief, tmp_path)
    except Unreachable as error:
        pytest.skip(str(error))  # no such disk here, or too few files
    print(json.dumps({"script": script.name, "seed": script.brief.seed, **figures}))


def test_a_script_is_chosen_by_its_name_or_with_its_like() -> None:
    assert [each.name for each in chosen(["kills"])] == ["kills"]
    assert {each.name.partition(".")[0] for each in chosen(["damage", "bounded.slow_loris"])} == {"damage", "bounded"}
    with pytest.raises(SystemExit, match="there is no script damages"):
        chosen(["damages"])
