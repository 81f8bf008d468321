"""``python -m tests.benchmarks``: one line of JSON for each figure, and a table at the end.

    python -m tests.benchmarks [NAME ...] [--quick] [--json FILE]
    python -m tests.benchmarks --against DIR [NAME ...] [--quick] [--json FILE]
    python -m tests.benchmarks --peers [--quick] [--json FILE]

Without names all are measured; whole, that takes half an hour, quick five minutes. Ends with 1 when a figure that has
something to reach does not. Only lines of results begin with a brace.

``--against`` compares with another checkout, side by side: see :mod:`tests.benchmarks.against`.
``--peers`` compares with other servers, which npm installs once, and writes the page ``docs/peers.md``; with
``--quick`` it only prints it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from tests.benchmarks import against
from tests.benchmarks.peers import measure as peers
from tests.benchmarks.peers.page import PAGE, page
from tests.benchmarks.results import Result, machine, table
from tests.benchmarks.rows import (
    accept,
    deduct,
    documented_limit,
    drain,
    fsync,
    load,
    million_events,
    pages,
    single,
    start,
    ten_million,
)
from tests.benchmarks.setting import Setting

MEASUREMENTS: dict[str, Callable[[Setting], Iterator[Result]]] = {
    "accept": accept.measure,
    "deduct": deduct.measure,
    "documented_limit": documented_limit.measure,
    "track": single.track,
    "check": single.check,
    "start": start.measure,
    "pages": pages.measure,
    "ten_million": ten_million.measure,
    "million_events": million_events.measure,
    "drain": drain.measure,
    "load": load.measure,
    "fsync": fsync.measure,
}


def compare(options: argparse.Namespace, ran_on: dict[str, Any]) -> int:
    """Compare with another checkout."""
    with tempfile.TemporaryDirectory(prefix="autumn-mock-bench-") as scratch:
        found = against.run(options.name, options.against, Setting(Path(scratch), options.quick))
    if options.json is not None:
        document = {"machine": ran_on, "quick": options.quick, "results": [each.document() for each in found]}
        options.json.write_text(json.dumps(document, indent=2) + "\n")
    return 0


def compare_with_peers(options: argparse.Namespace, ran_on: dict[str, Any]) -> int:
    """Compare with other servers, and write the page."""
    figures = []
    with tempfile.TemporaryDirectory(prefix="autumn-mock-bench-") as scratch:
        for each in peers.run(Setting(Path(scratch), options.quick)):
            print(json.dumps(each.document()), flush=True)
            figures.append(each)
    text = page(figures, ran_on, datetime.now(timezone.utc).date())
    if options.quick:
        print(f"\n{text}", end="")
    else:
        PAGE.write_text(text, "utf-8")
    if options.json is not None:
        document = {"machine": ran_on, "quick": options.quick, "results": [each.document() for each in figures]}
        options.json.write_text(json.dumps(document, indent=2) + "\n")
    return 0


def main() -> int:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="*", help=", ".join(MEASUREMENTS), metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="less of everything: figures are less certain")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the machine and all results there, too")
    parser.add_argument("--against", type=Path, metavar="DIR", help="compare with another checkout instead")
    parser.add_argument("--peers", action="store_true", help="compare with other servers instead")
    options = parser.parse_args()
    if options.peers and (options.name or options.against is not None):
        parser.error("--peers takes neither names nor --against")
    names = against.MEASUREMENTS if options.against is not None else MEASUREMENTS
    unknown = [name for name in options.name if name not in names]
    if unknown:
        parser.error(f"there is no figure {', '.join(unknown)}; there are {', '.join(names)}")
    ran_on = machine()
    if options.against is not None:
        return compare(options, ran_on)
    if options.peers:
        return compare_with_peers(options, ran_on)
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="autumn-mock-bench-") as scratch:
        setting = Setting(Path(scratch), options.quick)
        for name in options.name or MEASUREMENTS:
            for result in MEASUREMENTS[name](setting):
                print(result.line(), flush=True)
                results.append(result)
    print(f"\n{table(results, ran_on)}")
    if options.json is not None:
        document = {"machine": ran_on, "quick": options.quick, "results": [each.document() for each in results]}
        options.json.write_text(json.dumps(document, indent=2) + "\n")
    return int(any(each.reached is False for each in results))


if __name__ == "__main__":
    sys.exit(main())
