"""The examples of the README and of the documentation, as commands and programs that tests run."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

#: The address of the examples.
URL = "http://127.0.0.1:2886"
#: Seconds for one example.
TIMEOUT_S = 120
#: What the examples call the client of the reader.
MY_CLIENT = """
import time
import httpx
from autumn_mock import Emulator

class MyClient:
    def __init__(self, base_url, secret_key):
        self.http = httpx.Client(base_url=base_url, headers={"authorization": f"Bearer {secret_key}"})

    def track(self, customer, feature, value):
        body = [{"customer_id": customer, "feature_id": feature, "value": value}]
        while self.http.post("/v1/balances.batch_track", json=body).status_code == 503:
            time.sleep(1.05)
"""


def blocks(text: str, language: str) -> list[str]:
    """The examples of a text in a language, without those that install."""
    found = re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [each for each in found if "pip install" not in each]


def commands(text: str) -> list[str]:
    """The lines of the examples that are commands of autumn-mock, without their comments."""
    lines = "\n".join(blocks(text, "sh")).splitlines()
    return [line.partition("  #")[0].strip() for line in lines if line.startswith("autumn-mock ")]


def files(text: str) -> dict[str, str]:
    """The CSV files among the examples of a text, by the name behind the language."""
    return dict(re.findall(r"^```csv (\S+)\n(.*?)^```", text, re.DOTALL | re.MULTILINE))


def run(command: list[str], cwd: Path, url: str, text: str | None = None) -> str:
    """The output of a command, which has to succeed."""
    environment = {**os.environ, "AUTUMN_MOCK_URL": url, "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}"
    return done.stdout
