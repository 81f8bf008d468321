"""Node and the npm packages of ``fixtures/node``: one project for all JavaScript tests.

The packages are installed from the lock file once, into a cache directory outside the tree that is named by the hash
of that file (:mod:`tests.support.cache`). Without Node and npm the tests are skipped, unless
``AUTUMN_MOCK_REQUIRE_NODE=1`` makes that a failure.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.support.cache import cached

PROJECT = Path(__file__).parents[2] / "fixtures" / "node"
MANIFEST = ("package.json", "package-lock.json")
#: The newest client, which sends version 2.4.0, and the oldest with batchTrack, which sends 2.3.0.
CLIENTS = ("autumn-js", "autumn-js-1.2")
#: Seconds for npm, and for a script.
INSTALL_TIMEOUT = 300
SCRIPT_TIMEOUT = 60
OLDEST_NODE = 20


@dataclass(frozen=True)
class Node:
    """Node, and a directory whose ``node_modules`` holds what the lock file names."""

    executable: str
    packages: Path

    def run(self, script: Path, url: str, key: str, *arguments: str) -> Any:
        """What a script prints, decoded. It is sent to standard input, so its imports are found in the packages."""
        done = subprocess.run(
            [self.executable, "--input-type=module", "-", *arguments],
            input=script.read_text("utf-8"),
            cwd=self.packages,
            env={**os.environ, "AUTUMN_URL": url, "AUTUMN_KEY": key},
            capture_output=True,
            encoding="utf-8",
            timeout=SCRIPT_TIMEOUT,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def command(self, script: Path, *arguments: str) -> list[str]:
        """The command that runs a script which keeps reading standard input; to be run in :attr:`packages`."""
        return [self.executable, "--input-type=module", "--eval", script.read_text("utf-8"), *arguments]

    def link_packages(self, directory: Path) -> None:
        """Give a directory the installed packages."""
        (directory / "node_modules").symlink_to(self.packages / "node_modules", target_is_directory=True)


def installed(project: Path = PROJECT) -> Node:
    """Node with the packages of a project's lock file, installed unless they are cached."""
    executable = _find_node()
    digest = hashlib.sha256(b"".join((project / name).read_bytes() for name in MANIFEST)).hexdigest()[:16]
    return Node(executable, cached(f"node-{digest}", lambda directory: _npm_ci(project, directory)))


def _absent(what: str) -> NoReturn:
    if os.environ.get("AUTUMN_MOCK_REQUIRE_NODE") == "1":
        pytest.fail(f"AUTUMN_MOCK_REQUIRE_NODE=1, but {what}")
    pytest.skip(f"JavaScript is not tested: {what}")


def _find_node() -> str:
    found = shutil.which("node")
    if found is None:
        _absent("there is no node on the PATH")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=SCRIPT_TIMEOUT, check=False)
    major = version.stdout.lstrip("v").split(".")[0]
    if not major.isdigit() or int(major) < OLDEST_NODE:
        _absent(f"node --version prints {version.stdout.strip() or version.stderr.strip()}, {OLDEST_NODE} is needed")
    return found


def _npm_ci(project: Path, directory: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        _absent("there is no npm on the PATH")
    for name in MANIFEST:
        shutil.copy(project / name, directory)
    command = [npm, "ci", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts"]
    try:
        done = subprocess.run(
            command, cwd=directory, capture_output=True, text=True, timeout=INSTALL_TIMEOUT, check=False
        )
        failure = "" if done.returncode == 0 else done.stderr.strip()
    except subprocess.TimeoutExpired:
        failure = f"not done within {INSTALL_TIMEOUT} s"
    if failure:
        _absent(f"npm ci failed: {failure}")
