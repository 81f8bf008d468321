"""``autumn-mock org``: the organisations of a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from autumn_mock.cli.groups import DefaultGroup
from autumn_mock.cli.options import asks_server, json_option

if TYPE_CHECKING:
    from autumn_mock.control_client import ControlClient


@click.group(cls=DefaultGroup, default="list", short_help="List, open, name and close organisations.")
def org() -> None:
    """List, open, name and close organisations. Without a command: list them.

    \b
    autumn-mock org open --slug team-a
    autumn-mock org name --key am_sk_test_... --slug team-a
    autumn-mock org close team-a
    """


@org.command("list", short_help="List the organisations.")
@json_option
@asks_server
def list_(client: ControlClient, as_json: bool) -> None:
    """List the organisations with their keys, as far as these may be shown, and their last use.

    Those that --auto-org-idle closes have the time at which they are closed unless a request uses them.
    """
    from autumn_mock.cli.output import Column, Sheet, moment, print_json

    answer = client.get("/organisations")
    if as_json:
        print_json(answer)
        return
    Sheet(
        [
            Column("slug", lambda row: row["slug"], flexible=True),
            Column("id", lambda row: row["id"], flexible=True),
            Column("name", lambda row: row["name"], flexible=True),
            Column("opened", lambda row: "on demand" if row["on_demand"] else "at the start"),
            Column("last used UTC", lambda row: moment(row["last_used"]) or "never"),
            Column("closes UTC", lambda row: moment(row.get("closes_at")) or "no"),
        ],
        lambda row: row["keys"],
    ).show(answer["list"])
    if client.key is not None:
        click.echo("Only the organisation of the key; --key '' lists all.")


@org.command("open", short_help="Open an organisation.")
@click.option("--world", metavar="NAME", help="A shipped world to fill it from. Default: the server's own world.")
@click.option("--with-key", metavar="KEY", help="Its secret key. Default: a random one.")
@click.option("--name", metavar="NAME", help="Its name.")
@click.option("--slug", metavar="SLUG", help="Its slug, which logs and lists show.")
@json_option
@asks_server
def open_(
    client: ControlClient, as_json: bool, world: str | None, with_key: str | None, name: str | None, slug: str | None
) -> None:
    """Open an organisation, and print its secret key."""
    from autumn_mock.cli.output import print_json

    given = {"world": world, "key": with_key, "name": name, "slug": slug}
    opened = client.post("/organisations", {field: value for field, value in given.items() if value is not None})
    if as_json:
        print_json(opened)
    else:
        click.echo(opened["key"])


@org.command(short_help="Name the organisation of --key.")
@click.option("--name", metavar="NAME", help="Its name.")
@click.option("--slug", metavar="SLUG", help="Its slug, which logs and lists show.")
@json_option
@asks_server
def name(client: ControlClient, as_json: bool, name: str | None, slug: str | None) -> None:
    """Give the organisation of --key another name, slug, or both."""
    from autumn_mock.cli.output import print_json

    given = {"name": name, "slug": slug}
    named = client.patch("/organisations", {field: value for field, value in given.items() if value is not None})
    if as_json:
        print_json(named)
    else:
        click.echo(f"{named['id']}: {named['slug']}, {named['name']}")


@org.command(short_help="Close an organisation.")
@click.argument("organisation", metavar="[NAME]", required=False)
@json_option
@asks_server
def close(client: ControlClient, organisation: str | None, as_json: bool) -> None:
    """Delete an organisation with everything in it: NAME, its slug or id as the list shows them, or that of --key.

    A key from a variable does not count. A later request with a key of the organisation is refused; with --auto-org
    it opens a new one, a copy of the world's first organisation.
    """
    from autumn_mock.cli.output import print_json
    from autumn_mock.counting import count_in

    source = click.get_current_context().get_parameter_source("key")
    if organisation is not None:
        client.use_organisation(organisation)
    elif client.key is None or source is not ParameterSource.COMMANDLINE:
        raise click.UsageError("which organisation? Give its name, as `autumn-mock org` lists it, or its --key")
    closed = client.delete("/organisations")
    if as_json:
        print_json(closed)
    else:
        counts = ", ".join(count_in(count, name) for name, count in closed["deleted"].items())
        click.echo(f"closed {closed['slug']}: deleted {counts or 'no data'}")
