"""The documentation: a page of Markdown for each topic, in this folder.

A page begins with ``# TITLE``, followed by one paragraph that says what it is about. Links to other pages are their
file names, so that they work wherever the folder is shown.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import NamedTuple

#: The topics in the order in which they are listed; each is a file ``NAME.md``.
TOPICS = (
    "getting-started",
    "testing-python",
    "testing-other",
    "faults",
    "findings",
    "scenarios",
    "worlds",
    "purchases",
    "webhooks",
    "calls",
    "control-api",
    "command-line",
    "settings",
    "page",
    "messages",
    "data",
    "recovery",
    "shared-server",
    "tls",
    "certify",
    "report-cards",
    "differences",
    "fidelity",
    "performance",
    "internals",
    "docs",
)


class Topic(NamedTuple):
    """One page."""

    name: str
    title: str
    #: Its first paragraph, on one line.
    summary: str
    #: The whole page, in Markdown.
    text: str


@cache
def topics() -> dict[str, Topic]:
    """All pages by name, in order."""
    return {name: _read(name) for name in TOPICS}


def _read(name: str) -> Topic:
    text = (files(__package__) / f"{name}.md").read_text("utf-8")
    heading, _, rest = text.partition("\n")
    summary = " ".join(rest.strip().partition("\n\n")[0].split())
    return Topic(name, heading.removeprefix("# ").strip(), summary, text)
