"""Commands that show refused and lost items, and findings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from autumn_mock.cli.options import ListOptions, asks_server, json_option, list_options
from autumn_mock.cli.requests import feature_of

if TYPE_CHECKING:
    from autumn_mock.cli.output import Row
    from autumn_mock.control_client import ControlClient

#: The refused items of a request that are shown; --json has all.
_MAX_ITEMS = 10


@click.command(short_help="Check whether the server runs.")
@json_option
@asks_server
def health(client: ControlClient, as_json: bool) -> None:
    """Check whether the server runs: exit code 0 if it does, otherwise 1."""
    answer = client.get("/health")
    click.echo(
        json.dumps({**answer, "url": client.url})
        if as_json
        else f"{answer['status']}: autumn-mock {answer['version']} at {client.url}"
    )


# -- refused and lost items


@click.command(short_help="List items that could not be queued.")
@list_options
@asks_server
def failures(client: ControlClient, options: ListOptions) -> None:
    """List items that could not be queued, one line per request. The real service only logs these."""
    from autumn_mock.cli.output import Column, Sheet, moment, show_list

    sheet = Sheet(
        [
            Column("time UTC", lambda row: moment(row["at"])),
            Column("refused", lambda row: f"{row['failure_count']} of {row['total_count']}"),
            Column("reply", lambda row: "success" if row["success_count"] else "503"),
            Column("request id", lambda row: row["id"], flexible=True),
        ],
        _failure_notes,
    )
    show_list(lambda: client.get("/failures")["list"], sheet.show, options, empty="no refused items")


def _failure_notes(row: Row) -> list[str]:
    from autumn_mock.cli.output import figure

    notes = [
        f"item {each['index']}: {figure(each['value'])} {feature_of(each)} of {each['customer_id']}: {each['reason']}"
        for each in row["items"][:_MAX_ITEMS]
    ]
    more = len(row["items"]) - len(notes)
    return notes + ([f"and {more} more"] if more else [])


@click.command(short_help="List accepted items that a worker dropped.")
@list_options
@asks_server
def lost(client: ControlClient, options: ListOptions) -> None:
    """List accepted items that a worker dropped, with the reason. No reply reports these to the client."""
    from autumn_mock.cli.output import Column, Sheet, figure, moment, show_list

    sheet = Sheet(
        [
            Column("time UTC", lambda row: moment(row["at"])),
            Column("customer", lambda row: row["item"]["customer_id"], flexible=True),
            Column("feature", lambda row: feature_of(row["item"]), flexible=True),
            Column("value", lambda row: figure(row["item"].get("value", 1)), right=True),
            Column("reason", lambda row: row["reason"], flexible=True),
        ],
        lambda row: [f"{row['message']} ({row['id']})"],
    )
    show_list(lambda: client.get("/lost")["list"], sheet.show, options, empty="no lost items")


# -- findings


@click.command(short_help="List violations of the contract by clients.")
@list_options
@asks_server
def findings(client: ControlClient, options: ListOptions) -> None:
    """List violations of the contract by clients, with the evidence, why it matters, and what to do instead."""
    from autumn_mock.cli.output import show_list

    show_list(
        lambda: client.get("/findings")["list"],
        _show_findings,
        options,
        empty=lambda: _without_findings(client.get("/findings")),
        identity=json.dumps,  # a finding that gets more requests is printed again
    )


def _without_findings(answer: Row) -> str:
    """Requests from before the start were forgotten: what they did is no longer judged."""
    from autumn_mock.cli.output import moment
    from autumn_mock.counting import count_in

    if not answer["requests"]:
        return "no findings: no request since the server started; those before it are not judged"
    return f"no findings in {count_in(answer['requests'], 'requests')} since {moment(answer['since'], dated=True)} UTC"


def _owner(row: Row) -> str:
    """Whose requests they were."""
    return f"{row['org']}:{row['env']}" if row["org"] else "no organisation"


def _show_findings(rows: list[Row]) -> None:
    from autumn_mock.cli.output import Screen, moment
    from autumn_mock.journal.wording import doubt_mark

    screen = Screen()
    for row in rows:
        screen.line(f"{row['title']}{doubt_mark(row['certain'])}", "bold yellow")
        screen.pairs(
            [
                ("what", row["message"]),
                ("why", row["why"]),
                ("instead", row["instead"]),
                ("requests", ", ".join(map(str, row["requests"]))),
                ("code", f"{row['code']}, {moment(row['at'])} UTC, {_owner(row)}"),
            ]
        )
        click.echo()
