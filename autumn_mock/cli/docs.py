"""``autumn-mock docs``: the documentation, in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from autumn_mock.cli.options import json_option

if TYPE_CHECKING:
    from autumn_mock.docs import Topic


def _complete_topic(_ctx: click.Context, _parameter: click.Parameter, begin: str) -> list[str]:
    from autumn_mock.docs import TOPICS

    return [each for each in TOPICS if each.startswith(begin)]


@click.command(short_help="Read the documentation.")
@click.argument("topic", required=False, shell_complete=_complete_topic)
@click.option("--search", "words", metavar="WORDS", help="List the lines with all WORDS, of all pages or of TOPIC.")
@click.option("--raw", is_flag=True, help="Print the Markdown as it is.")
@json_option
def docs(topic: str | None, words: str | None, raw: bool, as_json: bool) -> None:
    """Print the page about TOPIC, or the list of topics. A running server shows the same at /_mock/docs.

    A link to another page is its file name, which is a TOPIC, too: worlds.md. So are words like upgrade, backup, wheel.

    \b
    autumn-mock docs --search "idempotency key"
    """
    from autumn_mock.cli.output import print_json, stdout_console
    from autumn_mock.docs import ALIASES, SECTIONS, find_topic, topics
    from autumn_mock.input_files import guess

    known = topics()
    page = find_topic(topic) if topic is not None else None
    if topic is not None and page is None:
        raise click.UsageError(f"there is no topic {topic!r}{guess(topic, [*known, *ALIASES])}")
    if words is not None:
        _search(words, page, as_json)
        return
    if page is None:
        if as_json:
            print_json(
                {"list": [{"name": each.name, "title": each.title, "summary": each.summary} for each in known.values()]}
            )
            return
        width = max(map(len, known))
        for heading, names in SECTIONS.items():
            click.echo(f"{heading}:")
            for name in names:
                click.echo(f"  {click.style(name.ljust(width), bold=True)}  {known[name].title}")
        return
    if as_json:
        print_json(page._asdict())
        return
    if raw:
        click.echo(page.text, nl=False)
        return
    from autumn_mock.cli.markdown import UncroppedMarkdown

    console = stdout_console()
    with console.capture() as captured:
        console.print(UncroppedMarkdown(page.text, hyperlinks=False), crop=False)
    text = captured.get()
    if not console.is_terminal:
        text = "\n".join(line.rstrip() for line in text.split("\n"))
    click.echo(text, nl=False, color=console.is_terminal)


def _search(words: str, page: Topic | None, as_json: bool) -> None:
    """Print the lines that have all words, below their pages and headings."""
    from itertools import groupby

    from autumn_mock.cli.output import print_json
    from autumn_mock.docs import search

    if not words.strip():
        raise click.UsageError("--search: give one word or more")
    hits = [each for each in search(words) if page is None or each.name == page.name]
    if as_json:
        print_json({"list": [each._asdict() for each in hits]})
        return
    for (name, heading), lines in groupby(hits, lambda each: (each.name, each.heading)):
        click.echo(f"{click.style(name, bold=True)}: {heading}")
        for each in lines:
            click.echo(f"  {each.line}")
    if not hits:
        click.echo("no line has all of these words")
