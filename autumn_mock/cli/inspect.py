"""Commands that show requests, refused and lost items, and findings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from autumn_mock.cli.options import ListOptions, asks_server, json_option, list_options

if TYPE_CHECKING:
    from autumn_mock.cli.output import Row, Sheet
    from autumn_mock.control_client import ControlClient

#: The refused items of a request that are shown; --json has all.
_MAX_ITEMS = 10
#: Requests get their number when they end and are listed slightly later: lower numbers may follow higher ones.
_OVERLAP = 100


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


# -- requests


@click.command(short_help="List requests; show one with its items.")
@click.argument("number", type=int, required=False, metavar="[ID]")
@list_options
@asks_server
def requests(client: ControlClient, number: int | None, options: ListOptions) -> None:
    """List the last requests. With an ID: show that request, the fault rules that fired, and the status of every item.

    The status is the one that the client received; in brackets the service's own one, if a fault replaced it.
    """
    from autumn_mock.cli.output import show_list

    if number is not None:
        if options.follow:
            raise click.UsageError("--follow cannot be used with an ID")
        _one_request(client.get(f"/requests/{number}"), options.as_json)
        return
    last = 0

    def fetch() -> list[Row]:
        nonlocal last
        rows: list[Row] = client.get("/requests", after=max(last - _OVERLAP, 0))["list"]
        last = max([last, *(row["id"] for row in rows)])
        return rows

    show_list(fetch, _requests_sheet().show, options, empty="no requests yet", identity=lambda row: row["id"])


def _requests_sheet() -> Sheet:
    from autumn_mock.cli.output import Column, Sheet, moment

    return Sheet(
        [
            Column("id", lambda row: row["id"], right=True, width=4),
            Column("time UTC", lambda row: moment(row["at"])),
            Column("call", _call, flexible=True, width=22),
            Column("status", _status, style=_status_style, width=9),
            Column("items", _items, width=13),
            Column("ms", lambda row: f"{row['duration_ms']:.1f}", right=True, width=6),
        ],
        _request_notes,
    )


def _call(row: Row) -> str:
    return str(row["call"] or f"{row['method']} {row['path']}")


def _status(row: Row) -> str:
    received, own = row["status"] or "none", row["service_status"] or "none"
    return str(received) if received == own else f"{received} ({own})"


def _status_style(row: Row) -> str:
    if row["status"] is None or row["status"] >= 500:
        return "red"
    return "yellow" if row["status"] >= 400 else "green"


def _items(row: Row) -> str:
    if row["items"] is None:
        return ""
    return f"{row['items']}, {row['refused']} refused" if row["refused"] else str(row["items"])


def _request_notes(row: Row) -> list[str]:
    notes = [f"fault: {rule}" for rule in row["faults"]]
    if row["reply"] != "sent":
        notes.append(f"reply: {row['reply'].replace('_', ' ')}")
    return notes + ([row["note"]] if row["note"] else [])


def _one_request(row: Row, as_json: bool) -> None:
    from autumn_mock.cli.output import Column, Screen, Sheet, figure, moment, print_json

    if as_json:
        print_json(row)
        return
    screen = Screen()
    screen.line(f"request {row['id']}: {row['method']} {row['path']}", "bold")
    screen.pairs(
        [
            ("call", row["call"]),
            ("request id", row["request_id"]),
            ("organisation", f"{row['org']}:{row['env']}" if row["org"] else "none"),
            ("time", f"{moment(row['at'])} UTC"),
            ("took", f"{row['duration_ms']:.1f} ms"),
            ("version", row["api_version"]),
            ("client received", row["status"] or "nothing"),
            ("service status", row["service_status"] or "none"),
            ("reply", row["reply"].replace("_", " ")),
            ("retry after", None if row["retry_after"] is None else f"{figure(row['retry_after'])} s"),
            *(("fault", rule) for rule in row["faults"]),
            ("note", row["note"]),
            ("items", _items(row)),
        ]
    )
    if not row["items_fate"]:
        return
    click.echo()
    Sheet(
        [
            Column("item", lambda each: each["index"], right=True),
            Column("status", lambda each: each["fate"], style=lambda each: _STATUS_STYLES.get(each["fate"], "")),
            Column("customer", lambda each: _field(each, "customer_id"), flexible=True),
            Column("feature", lambda each: _feature(each.get("item")), flexible=True),
            Column("value", lambda each: figure(_field(each, "value", 1)), right=True),
            Column("why", lambda each: each.get("reason"), flexible=True),
        ],
        lambda each: [
            f"{note['fate']} by {note['rule']}" if note["rule"] else "a second delivery was ignored"
            for note in each.get("notes", [])
        ],
    ).show(row["items_fate"])


_STATUS_STYLES = {"deducted": "green", "waiting": "yellow", "refused": "red", "lost": "red"}


def _field(fate: Row, name: str, default: Any = "") -> Any:
    """A field of an item as it was sent; empty when the journal no longer has it."""
    item = fate.get("item")
    return item.get(name, default) if isinstance(item, dict) else ""


def _feature(item: Any) -> str:
    """The feature, event or model that an item uses."""
    if not isinstance(item, dict):
        return ""
    return str(item.get("feature_id") or item.get("event_name") or item.get("model_id") or "")


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
        f"item {each['index']}: {figure(each['value'])} {_feature(each)} of {each['customer_id']}: {each['reason']}"
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
            Column("feature", lambda row: _feature(row["item"]), flexible=True),
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
        empty="no findings: the clients kept to the contract",
        identity=json.dumps,  # a finding that gets more requests is printed again
    )


def _show_findings(rows: list[Row]) -> None:
    from autumn_mock.cli.output import Screen, moment

    screen = Screen()
    for row in rows:
        doubt = "" if row["certain"] else " (possible)"
        screen.line(f"{row['title']}{doubt}", "bold yellow")
        screen.pairs(
            [
                ("what", row["message"]),
                ("why", row["why"]),
                ("instead", row["instead"]),
                ("requests", ", ".join(map(str, row["requests"]))),
                ("code", f"{row['code']}, {moment(row['at'])} UTC, {row['org']}:{row['env']}"),
            ]
        )
        click.echo()
