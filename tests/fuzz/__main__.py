"""``python -m tests.fuzz TARGET [--seconds N]``: have atheris search for an input that breaks a law.

Ends with 1 when it found one, which is then in a file that it names; ``--input FILE`` runs that again. Needs atheris,
which has wheels for Linux: ``pip install atheris``.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

NAMES = ("validator", "grammar", "replay")
#: Parts of the program whose branches guide the search.
_WATCHED = ["autumn_mock.wire", "autumn_mock.faults", "autumn_mock.store", "autumn_mock.durations"]


def main() -> int:
    """Run the target that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=NAMES, metavar="TARGET", help=", ".join(NAMES))
    parser.add_argument("--seconds", type=int, default=600, help="how long; ten minutes when not given")
    parser.add_argument("--corpus", type=Path, help="a directory that inputs are read from and new ones are kept in")
    parser.add_argument("--input", type=Path, help="run this one input, without atheris")
    options = parser.parse_args()
    if options.input is not None:
        from tests.fuzz.targets import TARGETS

        TARGETS[options.target].run(options.input.read_bytes())
        return 0
    if find_spec("atheris") is None:
        print("atheris is not installed here", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="autumn-mock-fuzz-") as scratch:
        _search(options.target, options.seconds, options.corpus, Path(scratch))
    return 0


def _search(name: str, seconds: int, corpus: Path | None, scratch: Path) -> None:
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=_WATCHED):
        from tests.fuzz.targets import TARGETS
    target = TARGETS[name]
    seeds, kept, words = scratch / "seeds", corpus or scratch / "corpus", scratch / "words"
    seeds.mkdir()
    kept.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        (seeds / str(number)).write_bytes(seed)
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in target.words()))
    arguments = ["-use_value_profile=1", "-timeout=20", "-max_len=4096", f"-max_total_time={seconds}"]
    run: Callable[[bytes], None] = target.run
    atheris.Setup([sys.argv[0], *arguments, f"-dict={words}", str(kept), str(seeds)], run)
    atheris.Fuzz()


def _escaped(word: bytes) -> str:
    """A word as libFuzzer's dictionaries write it."""
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    sys.exit(main())
