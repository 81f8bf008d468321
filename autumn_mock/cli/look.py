"""Commands that show what a server knows: requests, refused and lost items, findings, balances, events, the books."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from autumn_mock.cli.options import Looking, asks_server, json_option, look_options

if TYPE_CHECKING:
    from autumn_mock.cli.client import Client
    from autumn_mock.cli.output import Column, Row, Sheet

#: Where the figures of the books stand, and the sums that they make.
_BOOKS = ("offered", "refused", "accepted", "ready", "in_flight", "deducted", "lost")
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
@look_options
@asks_server
def requests(client: Client, number: int | None, looking: Looking) -> None:
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
@look_options
@asks_server
def failures(client: Client, looking: Looking) -> None:
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
@look_options
@asks_server
def lost(client: Client, looking: Looking) -> None:
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
@look_options
@asks_server
def findings(client: Client, looking: Looking) -> None:
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


# -- customers


@click.command(short_help="What a customer has left.")
@click.argument("customer")
@look_options
@asks_server
def balances(client: Client, customer: str, looking: Looking) -> None:
    """What CUSTOMER was granted, has used, and has left of every feature. With --follow: whatever changes."""
    from autumn_mock.cli.output import Column, Sheet, figure, moment, tell

    def fetch() -> list[Row]:
        answer = client.get(f"/balances/{quote(customer, safe='')}")
        return [{"customer_id": customer, **balance} for balance in answer["balances"].values()]

    sheet = Sheet(
        [
            Column("feature", lambda row: row["feature_id"], flexible=True),
            Column("granted", lambda row: _of_unlimited(row, figure(row["granted"])), right=True),
            Column("used", lambda row: figure(row["usage"]), right=True),
            Column("left", lambda row: _of_unlimited(row, figure(row["remaining"])), right=True, tone=_left_tone),
            Column("resets", lambda row: moment(row["next_reset_at"])),
        ]
    )
    tell(fetch, sheet.show, looking, nothing=f"{customer} has no balance", identity=json.dumps)


def _of_unlimited(row: Row, text: str) -> str:
    return "unlimited" if row["unlimited"] else text


def _left_tone(row: Row) -> str:
    return "green" if row["unlimited"] or row["remaining"] > 0 else "red"


@click.command(short_help="What was deducted, event by event.")
@click.option("--customer", metavar="ID", help="Of this customer alone.")
@click.option(
    "--limit",
    type=click.IntRange(1, 5000),
    default=100,
    show_default=True,
    metavar="N",
    help="At most so many, the newest ones.",
)
@look_options
@asks_server
def events(client: Client, customer: str | None, limit: int, looking: Looking) -> None:
    """What was recorded, and what each event took from which feature. The newest is the last."""
    from autumn_mock.cli.output import Column, Sheet, figure, moment, tell

    asked = {"limit": limit, **({"customer_id": customer} if customer is not None else {})}
    sheet = Sheet(
        [
            Column("time UTC", lambda row: moment(row["timestamp"])),
            Column("customer", lambda row: row["customer_id"], flexible=True),
            Column("event", lambda row: row["feature_id"], flexible=True),
            Column("value", lambda row: figure(row["value"]), right=True),
            Column("taken", _taken, flexible=True),
        ]
    )
    tell(
        lambda: client.get("/events", **asked)["list"],
        sheet.show,
        looking,
        nothing="there is no event",
    )


def _taken(row: Row) -> str:
    """What the balances lost for an event, feature by feature."""
    from autumn_mock.cli.output import figure

    sums: dict[str, float] = {}
    for each in row["deductions"] or ():
        sums[each["feature_id"]] = sums.get(each["feature_id"], 0) + float(each["value"])
    return ", ".join(f"{figure(round(value, 10))} {feature}" for feature, value in sums.items()) or "nothing"


# -- the books


@click.command(short_help="Where all items went, in figures.")
@json_option
@asks_server
def stats(client: Client, as_json: bool) -> None:
    """Where all items went: offered = refused + accepted, accepted = ready + in flight + deducted + lost."""
    from autumn_mock.cli.output import Sheet, print_json

    answer = client.get("/stats")
    if as_json:
        print_json(answer)
        return
    sheet = Sheet([_sum(name) for name in _BOOKS], _reasons)
    sheet.show([answer])
    each = {name: sums for name, sums in answer.get("organisations", {}).items() if sums["offered"]}
    if len(each) > 1:
        sheet.show([_of_organisation(name, sums) for name, sums in each.items()])


def _reasons(row: Row) -> list[str]:
    return [f"lost: {count} {reason}" for reason, count in row["lost_by_reason"].items()]


def _of_organisation(name: str, sums: Row) -> Row:
    org, env = name.rsplit(":", 1)
    return {"org": org, "env": env, **sums}


def _sum(name: str) -> Column:
    """The column of one of the books' figures."""
    from autumn_mock.cli.output import Column

    return Column(name.replace("_", " "), lambda row: row[name], right=True)


@click.command(short_help="Whether the books balance; the code is 1 when not.")
@click.option(
    "--db",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Audit this file, of a server that is stopped, and the log beside it.",
)
@json_option
@asks_server
def audit(client: Client, db: Path | None, as_json: bool) -> None:
    """Whether the books balance, and whether every accepted item was deducted, and only once. If not, the code is 1."""
    tell_audit(client.get("/audit") if db is None else _audit_file(db), as_json)


def _audit_file(path: Path) -> dict[str, Any]:
    from autumn_mock.journal.audit import audit_file, report
    from autumn_mock.store.errors import StoreError

    try:
        return report(audit_file(path))
    except StoreError as error:
        raise click.ClickException(str(error)) from None


def tell_audit(answer: Mapping[str, Any], as_json: bool) -> None:
    """Print an audit, and end the command with code 1 unless all is well."""
    from autumn_mock.cli.output import print_json

    if as_json:
        print_json(answer)
    else:
        _show_audit(answer)
    if not answer["balanced"] or any(each["missing"] or each["double"] for each in answer["organisations"]):
        sys.exit(1)


def _show_audit(answer: Mapping[str, Any]) -> None:
    from autumn_mock.cli.output import Column, Screen, Sheet

    screen = Screen()
    if answer["balanced"]:
        screen.line("the books balance", "green")
    else:
        screen.line("the books do not balance", "bold red")
    for problem in answer["problems"]:
        screen.line(problem, "red", indent=2)
    for each in answer["organisations"]:
        if not each["books"]["offered"]:
            continue
        click.echo()
        screen.line(f"{each['org']}:{each['env']}", "bold")
        screen.line(", ".join(f"{count} {name}" for name, count in each["books"].items()))
        for doubt in each["missing"]:
            screen.line(f"missing: {_origin(doubt)}", "red")
        for doubt in each["double"]:
            screen.line(f"deducted {doubt['deductions']} times: {_origin(doubt)}", "red")
        Sheet(
            [
                Column("customer", lambda row: row["customer"], flexible=True),
                *map(_sum, ("accepted", "deducted", "lost", "waiting")),
            ],
            lambda row: [f"asked: {_amounts(row, 'asked')}; taken: {_amounts(row, 'taken')}"] if row["amounts"] else [],
        ).show(each["customers"])


def _amounts(row: Row, which: str) -> str:
    from autumn_mock.cli.output import figure

    amounts = {feature: sums[which] for feature, sums in row["amounts"].items() if float(sums[which])}
    return ", ".join(f"{figure(amount)} {feature}" for feature, amount in amounts.items()) or "nothing"


def _origin(doubt: Mapping[str, Any]) -> str:
    """Where an item came from, as far as the journal goes back."""
    if doubt["request"] is None:
        return str(doubt["message_id"])
    return f"item {doubt['index']} of request {doubt['request']} ({doubt['message_id']})"
