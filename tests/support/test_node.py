from __future__ import annotations

import json

from tests.support.node import PROJECT


def test_lock_file_pins_every_package_and_names_no_registry() -> None:
    """Npm downloads from the registry that it is configured with, and checks each package by its hash."""
    text = (PROJECT / "package-lock.json").read_text("utf-8")
    assert "://" not in text
    pinned = {path: entry for path, entry in json.loads(text)["packages"].items() if path}
    assert all("integrity" in entry and "resolved" not in entry for entry in pinned.values())
    wanted = json.loads((PROJECT / "package.json").read_text("utf-8"))["dependencies"]
    versions = {name: version.rpartition("@")[2] for name, version in wanted.items()}
    assert {name: pinned[f"node_modules/{name}"]["version"] for name in versions} == versions
