"""Commands that show what came in and what became of it: requests, refused and lost items, findings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from autumn_mock.cli.options import ListOptions, asks_server, list_options

if TYPE_CHECKING:
    from autumn_mock.cli.client import Client
    from autumn_mock.cli.output import Row, Sheet

#: Of a request's refused items so many are shown; --json has them all.
_SHOWN = 10
#: Requests are numbered when they end and listed a moment later, so a lower number may yet turn up behind a higher one.
_LATE = 100


@click.command(short_help="Whether a server answers.")
@asks_server
def health(client: Client) -> None:
    """Whether a server answers: the code is 0 when one does, 1 otherwise."""
    answer = client.get("/health")
    click.echo(f"{answer['status']}: autumn-mock {answer['version']} at {client.url}")


# -- requests


@click.command(short_help="The last requests, or one with the fate of its items.")
@click.argument("number", type=int, required=False, metavar="[ID]")
@list_options
@asks_server
def requests(client: Client, number: int | None, looking: ListOptions) -> None:
    """The last requests, or with an ID that one, with the rules that struck it and the fate of every item.

    The status is what the client was told; in brackets what the service had decided, when that was something else.
    """
    from autumn_mock.cli.output import tell

    if number is not None:
        if looking.follow:
            raise click.UsageError("one request cannot be followed")
        _one_request(client.get(f"/requests/{number}"), looking.as_json)
        return
    last = 0

    def fetch() -> list[Row]:
        nonlocal last
        rows: list[Row] = client.get("/requests", after=max(last - _LATE, 0))["list"]
        last = max([last, *(row["id"] for row in rows)])
        return rows

    tell(fetch, _requests_sheet().show, looking, nothing="no request came yet", identity=lambda row: row["id"])


def _requests_sheet() -> Sheet:
    from autumn_mock.cli.output import Column, Sheet, moment

    return Sheet(
        [
            Column("id", lambda row: row["id"], right=True),
            Column("time UTC", lambda row: moment(row["at"])),
            Column("call", _call, flexible=True),
            Column("status", _status, tone=_status_tone),
            Column("items", _items),
            Column("ms", lambda row: f"{row['duration_ms']:.1f}", right=True),
        ],
        _request_notes,
    )


def _call(row: Row) -> str:
    return str(row["call"] or f"{row['method']} {row['path']}")


def _status(row: Row) -> str:
    told, decided = row["status"] or "none", row["service_status"] or "none"
    return str(told) if told == decided else f"{told} ({decided})"


def _status_tone(row: Row) -> str:
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
            ("client was told", row["status"] or "nothing"),
            ("service decided", row["service_status"] or "nothing"),
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
            Column("fate", lambda each: each["fate"], tone=lambda each: _FATE_TONES.get(each["fate"], "")),
            Column("customer", lambda each: _field(each, "customer_id"), flexible=True),
            Column("feature", lambda each: _feature(each.get("item")), flexible=True),
            Column("value", lambda each: figure(_field(each, "value", 1)), right=True),
            Column("why", lambda each: each.get("reason"), flexible=True),
        ],
        lambda each: [f"{note['fate']} by {note['rule'] or 'the replay guard'}" for note in each.get("notes", [])],
    ).show(row["items_fate"])


_FATE_TONES = {"deducted": "green", "waiting": "yellow", "refused": "red", "lost": "red"}


def _field(fate: Row, name: str, default: Any = "") -> Any:
    """A field of an item as it was sent; nothing when it is forgotten."""
    item = fate.get("item")
    return item.get(name, default) if isinstance(item, dict) else ""


def _feature(item: Any) -> str:
    """What an item uses: a feature, an event, or the tokens of a model."""
    if not isinstance(item, dict):
        return ""
    return str(item.get("feature_id") or item.get("event_name") or item.get("model_id") or "")


# -- items that are gone


@click.command(short_help="Items that could not be queued.")
@list_options
@asks_server
def failures(client: Client, looking: ListOptions) -> None:
    """Items that could not be queued, one line for each request: what the real service only logs."""
    from autumn_mock.cli.output import Column, Sheet, moment, tell

    sheet = Sheet(
        [
            Column("time UTC", lambda row: moment(row["at"])),
            Column("refused", lambda row: f"{row['failure_count']} of {row['total_count']}"),
            Column("answered", lambda row: "success" if row["success_count"] else "503"),
            Column("request id", lambda row: row["id"], flexible=True),
        ],
        _failure_notes,
    )
    tell(lambda: client.get("/failures")["list"], sheet.show, looking, nothing="no item was refused")


def _failure_notes(row: Row) -> list[str]:
    from autumn_mock.cli.output import figure

    notes = [
        f"item {each['index']}: {figure(each['value'])} {_feature(each)} of {each['customer_id']}: {each['reason']}"
        for each in row["items"][:_SHOWN]
    ]
    more = len(row["items"]) - len(notes)
    return notes + ([f"and {more} more"] if more else [])


@click.command(short_help="Accepted items that a worker dropped, and why.")
@list_options
@asks_server
def lost(client: Client, looking: ListOptions) -> None:
    """Accepted items that a worker dropped, and why: no client is ever told."""
    from autumn_mock.cli.output import Column, Sheet, figure, moment, tell

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
    tell(lambda: client.get("/lost")["list"], sheet.show, looking, nothing="no item was lost")


# -- findings


@click.command(short_help="What clients did against the contract.")
@list_options
@asks_server
def findings(client: Client, looking: ListOptions) -> None:
    """What clients did against the contract: with the evidence, why it matters, and what to do instead."""
    from autumn_mock.cli.output import tell

    tell(
        lambda: client.get("/findings")["list"],
        _show_findings,
        looking,
        nothing="nothing was found against the contract",
        identity=json.dumps,  # more requests may turn up for a finding: it is told again then
    )


def _show_findings(rows: list[Row]) -> None:
    from autumn_mock.cli.output import Screen, moment

    screen = Screen()
    for row in rows:
        doubt = "" if row["certain"] else " (perhaps)"
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
