"""``start``: from starting a server to its first 202, beside ``python -c "import flask"`` in turns.

Modules are loaded in their compiled form, as those of an installed package are: both sides find them in one directory,
into which a first round, which does not count, has written them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

from tests.benchmarks.children import server
from tests.benchmarks.results import Result, at_most, median
from tests.benchmarks.setting import Setting
from tests.benchmarks.traffic import BATCH


def measure(setting: Setting) -> Iterator[Result]:
    """One result."""
    environment = {"PYTHONPYCACHEPREFIX": str(setting.scratch / "compiled"), "PYTHONDONTWRITEBYTECODE": ""}
    answer(environment)
    flask(environment)
    ours, theirs = [], []
    for _ in range(setting.pick(15, 5)):
        ours.append(answer(environment))
        theirs.append(flask(environment))
    details = {
        "first_202_ms": round(median(ours)),
        "import_flask_ms": round(median(theirs)),
        "fastest_ms": [round(min(ours)), round(min(theirs))],
    }
    yield Result("start", median(ours) / median(theirs), "times `import flask`", at_most(1.6), details)


def answer(environment: dict[str, str]) -> float:
    """Milliseconds from starting a server to its first answer to a batch."""
    started = time.monotonic()
    with server(env=environment) as child:
        assert child.call(BATCH, [{"customer_id": "cus_123", "feature_id": "messages"}]) == {"success": True}
        return (time.monotonic() - started) * 1000


def flask(environment: dict[str, str]) -> float:
    """Milliseconds that Python takes to import Flask."""
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", "import flask"], check=True, env={**os.environ, **environment})
    return (time.monotonic() - started) * 1000
