"""The long form of every script, one line of JSON each; exits 1 when a law did not hold."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.chaos import bounded, concurrency, damage, disk_full, kills, soak, storms, wholes
from tests.chaos.scripts import SCRIPTS, Script, Unreachable

#: Importing them puts their scripts on the list.
MODULES = (kills, wholes, disk_full, damage, concurrency, bounded, storms, soak)


def chosen(names: list[str]) -> list[Script]:
    """The scripts that names stand for; all without any. A name that stands for none is an error."""
    if not names:
        return list(SCRIPTS.values())
    found = []
    for name in names:
        meant = [each for key, each in SCRIPTS.items() if key == name or key.startswith(f"{name}.")]
        if not meant:
            raise SystemExit(f"there is no script {name}; there are {', '.join(SCRIPTS)}")
        found += meant
    return found


def run(each: Script, given: dict[str, Any]) -> dict[str, Any]:
    """One script with what the command line gave; what the line about it says."""
    effort = replace(each.long, **given)
    said: dict[str, Any] = {"script": each.name, "law": each.about, "seed": effort.seed}
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="autumn-mock-chaos-") as place:
        try:
            said |= {"ok": True, **each.law(effort, Path(place))}
        except Unreachable as error:
            said |= {"ok": None, "skipped": str(error)}
        except Exception as error:
            traceback.print_exc()
            said |= {"ok": False, "error": f"{type(error).__name__}: {error}"[:2000]}
    return {**said, "took_s": round(time.monotonic() - began, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a script, or the first part of several")
    parser.add_argument("--rounds", type=int, help="how often; what a round is depends on the script")
    parser.add_argument("--seconds", type=float, help="how long, for those that go on for a time")
    parser.add_argument("--seed", type=int, help="what random choices are drawn from")
    options = vars(parser.parse_args())
    scripts = chosen(options.pop("names"))
    given = {name: value for name, value in options.items() if value is not None}
    is_well = True
    for each in scripts:
        said = run(each, given)
        print(json.dumps(said), flush=True)
        is_well = is_well and said["ok"] is not False
    sys.exit(not is_well)


if __name__ == "__main__":
    main()
