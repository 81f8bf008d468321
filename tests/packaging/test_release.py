"""``.github/workflows/release.yml``: what it may do, and that it publishes no other version than the tag's."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

import autumn_mock

ROOT = Path(__file__).parents[2]
WORKFLOW: dict[Any, Any] = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text("utf-8"))
BUILD, PUBLISH = WORKFLOW["jobs"]["build"], WORKFLOW["jobs"]["publish"]

needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash on the PATH")


def uses(job: dict[str, Any]) -> list[str]:
    return [step["uses"].partition("@")[0] for step in job["steps"] if "uses" in step]


def test_only_a_tag_starts_it_and_only_publishing_has_an_identity() -> None:
    assert WORKFLOW[True] == {"push": {"tags": ["v*"]}}  # YAML 1.1 reads `on` as true
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert "permissions" not in BUILD
    assert PUBLISH["permissions"]["id-token"] == "write"
    assert (PUBLISH["needs"], PUBLISH["environment"]) == ("build", "release")


def test_what_was_built_and_checked_is_attested_and_published() -> None:
    commands = [step["run"] for step in BUILD["steps"] if "run" in step][1:]
    assert commands == ["pip install build twine", "python -m build", "twine check --strict dist/*"]
    assert uses(BUILD)[-1] == "actions/upload-artifact"
    assert uses(PUBLISH) == [
        "actions/download-artifact",
        "actions/attest-build-provenance",
        "pypa/gh-action-pypi-publish",
    ]
    assert not [step for step in PUBLISH["steps"] if "run" in step], "no program of the package runs with the identity"
    assert "secrets." not in (ROOT / ".github/workflows/release.yml").read_text("utf-8")


@needs_bash
@pytest.mark.parametrize(
    ("tag", "heading", "message"),
    [
        ("VERSION", "## VERSION (2026-01-31)", ""),
        ("VERSION.1", "## VERSION (2026-01-31)", "the tag is vVERSION.1, the package is VERSION"),
        ("VERSION", "## VERSION (unreleased)", "CHANGELOG.md has no date for VERSION"),
    ],
)
def test_a_tag_that_is_not_the_version_ends_it(tmp_path: Path, tag: str, heading: str, message: str) -> None:
    (tmp_path / "autumn_mock").mkdir()
    shutil.copy(ROOT / "autumn_mock/__init__.py", tmp_path / "autumn_mock")
    version = autumn_mock.__version__
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n{heading.replace('VERSION', version)}\n")
    script = next(step["run"] for step in BUILD["steps"] if "run" in step)
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "GITHUB_REF_NAME": f"v{tag.replace('VERSION', version)}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode == 0, done.stderr.strip()) == (not message, message.replace("VERSION", version))


def test_the_changelog_has_the_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert re.search(rf"^## {re.escape(autumn_mock.__version__)} \(", text, re.MULTILINE)
