"""The recipes of the documentation: files of ``fixtures/examples``, which ``tests/examples`` runs."""

from __future__ import annotations

from pathlib import Path

import autumn_mock

FOLDER = Path(autumn_mock.__file__).parents[1] / "fixtures" / "examples"
#: The files of each recipe, in the order in which they are read.
_FILES = {
    "vitest": ("vitest.config.ts", "autumn-mock.ts", "organisation.ts", "usage.test.ts"),
    "playwright": ("playwright.config.ts", "usage.spec.ts"),
}
NAMES = tuple(_FILES)


def recipe(runner: str) -> str:
    """The files of a recipe, each with its name before it."""
    texts = [(name, (FOLDER / runner / name).read_text("utf-8")) for name in _FILES[runner]]
    return "\n".join(f"`{name}`:\n\n```ts\n{text}```\n" for name, text in texts)
