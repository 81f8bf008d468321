"""atheris searches for a broken law for some seconds; the long form is ``python -m tests.fuzz TARGET``."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.fuzz.__main__ import NAMES

ROOT = Path(__file__).parents[2]
SECONDS = 4

pytestmark = pytest.mark.skipif(find_spec("atheris") is None, reason="atheris is not installed here")


@pytest.mark.parametrize("name", NAMES)
def test_atheris_finds_no_broken_law(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.fuzz", name, "--seconds", str(SECONDS)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(
        command,
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-4000:]
    done = re.search(r"Done (\d+) runs in", ran.stderr)
    assert done is not None, ran.stderr[-4000:]
    assert int(done[1]) > 100
    print(f"{name}: {int(done[1]) / SECONDS:.0f} executions a second")
