"""Example answers of the documentation: of an application with a frozen clock, the same in every run."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from click.testing import CliRunner

from autumn_mock.cli import main
from autumn_mock.engine import Engine
from autumn_mock.web import create_app
from tests.support.client import BATCH, AppClient

#: The answers that pages show.
NAMES = ("stats", "failures", "request", "findings", "error", "invalid", "taken")
_ITEMS = [
    {"customer_id": "cus_123", "feature_id": "messages", "value": 1, "timestamp": 1_767_225_500_000},
    {"customer_id": "cus_123", "feature_id": "messages", "value": 2, "timestamp": 1_767_225_510_000},
]
_BROKEN = """organisations:
  - slug: acme
    keys: [am_sk_test_acme]
    sandbox:
      features:
        - {feature_id: messages, name: Messages, type: meterd}
"""


@cache
def _answers() -> dict[str, Any]:
    """What calls answer that pages show, by name."""
    engine = Engine(now="2026-01-01", frozen=True, seed=1)
    engine.start()
    try:
        client = AppClient(create_app(engine))
        agent = {"user_agent": "my-client/1.0"}
        client.post(BATCH, _ITEMS, x_autumn_mock_fault="enqueue:fail items=0", **agent)
        client.post(BATCH, _ITEMS, **agent)
        assert client.post("/_mock/drain", {}).status == 200
        request = client.get("/_mock/requests/1").body
        del request["duration_ms"]  # real time
        invalid = client.post(BATCH, [_ITEMS[0], {"customer_id": 7, "feature_id": "messages", "value": "many"}])
        for _ in range(2):
            taken = client.post("/v1/balances.track", {**_ITEMS[0], "idempotency_key": "k1"})
        return {
            "invalid": invalid.body,
            "taken": taken.body,
            "stats": client.get("/_mock/stats").body,
            "failures": client.get("/_mock/failures").body,
            "request": request,
            "findings": client.get("/_mock/findings").body,
            "error": client.request("DELETE", "/_mock/faults/7", None, client.headers()).body,
        }
    finally:
        engine.stop()


def answer(name: str) -> str:
    """An answer as a block of JSON."""
    return f"```json\n{json.dumps(_answers()[name], indent=2, ensure_ascii=False)}\n```\n"


def rule_error() -> str:
    """What a rule that does not parse prints."""
    return _failing("fault", "enqueue:fial items=1")


def world_error() -> str:
    """What ``world check`` prints for a file with an error."""
    with empty_directory():
        Path("acme.yaml").write_text(_BROKEN, "utf-8")
        return _failing("world", "check", "acme.yaml")


def _failing(*words: str) -> str:
    """The message of a command that ends with an error, without the list of all known names."""
    done = CliRunner().invoke(main, words)
    assert done.exit_code, done.output
    return f"```text\n{shortened(done.output.partition('Error: ')[2])}\n```\n"


def shortened(message: str) -> str:
    """A message without its list of all known names."""
    return re.sub(r"Known: .*", "Known: …", message.strip())


@contextmanager
def empty_directory() -> Iterator[Path]:
    """A new working directory, for messages without the paths of a machine."""
    before = Path.cwd()
    with TemporaryDirectory() as directory:
        os.chdir(directory)
        try:
            yield Path.cwd()
        finally:
            os.chdir(before)
