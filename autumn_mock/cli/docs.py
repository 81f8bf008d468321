"""``autumn-mock docs``: the documentation, in the terminal."""

from __future__ import annotations

import click

from autumn_mock.cli.options import json_option


@click.command(short_help="Read the documentation.")
@click.argument("topic", required=False)
@click.option("--raw", is_flag=True, help="Print the Markdown as it is.")
@json_option
def docs(topic: str | None, raw: bool, as_json: bool) -> None:
    """Print the page about TOPIC, or the list of topics. A running server shows the same at /_mock/docs.

    A link to another page is its file name, which is a TOPIC, too: worlds.md. So are words like upgrade, backup, wheel.
    """
    from autumn_mock.cli.output import print_json, stdout_console
    from autumn_mock.docs import ALIASES, SECTIONS, find_topic, topics
    from autumn_mock.input_files import guess

    known = topics()
    if topic is None:
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
    page = find_topic(topic)
    if page is None:
        raise click.UsageError(f"there is no topic {topic!r}{guess(topic, [*known, *ALIASES])}")
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
