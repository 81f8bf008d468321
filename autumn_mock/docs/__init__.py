"""The documentation: a page of Markdown for each topic, in this folder.

A page begins with ``# TITLE``, followed by one paragraph that says what it is about. Links to other pages are their
file names, so that they work wherever the folder is shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import NamedTuple

#: The topics under their headings, in the order in which they are listed; each is a file ``NAME.md``.
SECTIONS: dict[str, tuple[str, ...]] = {
    "Start": ("getting-started", "testing-python", "testing-other", "page"),
    "Make it fail": ("faults", "findings", "scenarios", "certify", "report-cards"),
    "What is in it": ("worlds", "data", "purchases", "webhooks"),
    "Reference": ("calls", "request-bodies", "idempotency", "control-api", "command-line", "settings", "messages"),
    "Run it": ("shared-server", "recovery", "tls"),
    "Background": ("differences", "fidelity", "performance", "peers", "internals", "versions", "docs"),
}
TOPICS = tuple(name for names in SECTIONS.values() for name in names)
#: Words that are searched for, and the topic that has a section about them.
ALIASES = {
    "backup": "recovery",
    "restore": "recovery",
    "snapshot": "recovery",
    "upgrade": "recovery",
    "container": "shared-server",
    "docker": "shared-server",
    "install": "getting-started",
    "systemd": "shared-server",
    "wheel": "shared-server",
    "https": "tls",
}
#: Files of the folder that pages show.
PICTURES = ("page.png",)


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


def find_topic(name: str) -> Topic | None:
    """The page of a topic, of its file name (``worlds.md``) or of a word that stands for it; None if there is none."""
    name = name.partition("#")[0].removesuffix(".md")
    return topics().get(ALIASES.get(name, name))


class Hit(NamedTuple):
    """One line of a page that a search found."""

    name: str
    title: str
    #: The heading above the line; that of the page before the first one.
    heading: str
    #: The number of the line in the Markdown, from 1.
    number: int
    line: str


def search(words: str) -> list[Hit]:
    """The lines that have all words, in any order and in upper or lower case; none without words."""
    wanted = words.casefold().split()
    return [hit for topic in topics().values() for hit in _hits(topic, wanted)] if wanted else []


def _hits(topic: Topic, wanted: list[str]) -> Iterator[Hit]:
    heading, is_code = topic.title, False
    for number, line in enumerate(topic.text.splitlines(), 1):
        is_code ^= line.startswith("```")
        if line.startswith("#") and not is_code:
            heading = line.lstrip("#").strip()
        text = line.casefold()
        if all(word in text for word in wanted):
            yield Hit(topic.name, topic.title, heading, number, line.strip())


def _read(name: str) -> Topic:
    text = (files(__package__) / f"{name}.md").read_text("utf-8")
    heading, _, rest = text.partition("\n")
    summary = " ".join(rest.strip().partition("\n\n")[0].split())
    return Topic(name, heading.removeprefix("# ").strip(), summary, text)
