"""``autumn-mock requests``: what clients sent, and what became of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from autumn_mock.cli.files import STANDARD, say, write_text
from autumn_mock.cli.options import ListOptions, asks_server, list_options

if TYPE_CHECKING:
    from autumn_mock.cli.output import Row, Screen, Sheet
    from autumn_mock.control_client import ControlClient

#: Requests get their number when they end and are listed slightly later: lower numbers may follow higher ones.
_OVERLAP = 100
#: Lines of a body that are shown; --json has all.
_MAX_LINES = 40
#: Characters of a note in the list: it may quote a path, and ends with what to do.
_LONGEST_NOTE = 500
#: From this width on a column shows the messages; below it they have lines of their own.
_WIDE = 110


@click.command(short_help="List requests; show one with its items.")
@click.argument("number", type=int, required=False, metavar="[ID]")
@click.option("--status", metavar="STATUS", help="Only those with this status: 404, 4xx, or none for no reply.")
@click.option("--call", metavar="NAME", help="Only this call, like balances.track or track.")
@click.option("--customer", metavar="ID", help="Only those that name this customer.")
@click.option("--since", metavar="TIME", help="Only newer ones: 5m ago at most, or after an instant.")
@click.option("--failed", is_flag=True, help="Only those without a reply of success.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Only the last N.")
@click.option("--curl", is_flag=True, help="With an ID: print it as a curl command.")
@click.option("--har", metavar="FILE", help="Write them, with headers and bodies, as HAR 1.2; - is standard output.")
@list_options
@asks_server
def requests(
    client: ControlClient, number: int | None, options: ListOptions, curl: bool, har: str | None, **filters: Any
) -> None:
    """List the last requests. With an ID: show all of that request, what became of its items, and what it led to.

    The status is the one that the client received; in brackets the service's own one, if a fault replaced it. Secrets
    are masked.

    \b
    autumn-mock requests --failed --since 5m
    autumn-mock requests 12 --curl
    """
    query = {name: value for name, value in filters.items() if value not in (None, False)}
    if "failed" in query:
        query["failed"] = 1
    if options.follow and (number is not None or har is not None or "limit" in query):
        raise click.UsageError("--follow cannot be used with an ID, --har or --limit")
    if number is not None:
        if query:
            raise click.UsageError(f"--{next(iter(query))} cannot be used with an ID")
        _one_request(client, number, options, as_curl=curl, har=har)
    elif curl:
        raise click.UsageError("--curl requires an ID")
    elif har is not None:
        _write_har(har, client.rows("/requests", **query, bodies=1), client.url)
    else:
        _list(client, query, options)


def _list(client: ControlClient, query: dict[str, Any], options: ListOptions) -> None:
    from autumn_mock.cli.output import show_list
    from autumn_mock.journal.unknown_keys import unknown_keys_text

    last = 0
    unknown: dict[str, int] = {}

    def fetch() -> list[Row]:
        nonlocal last
        answer = client.get("/requests", **query, after=max(last - _OVERLAP, 0))
        rows: list[Row] = answer["list"]
        last = max([last, *(row["id"] for row in rows)])
        unknown.update(answer["unknown_keys"])
        return rows

    empty = "no such requests" if query else "no requests yet"
    show_list(fetch, _sheet().show, options, empty=empty, identity=lambda row: row["id"])
    if unknown:
        click.echo(unknown_keys_text(unknown), err=True)


def _write_har(name: str, rows: list[Row], url: str) -> None:
    from autumn_mock.cli.exports import har_of
    from autumn_mock.counting import count_of

    write_text(name, json.dumps(har_of(rows, url), indent=2), replace=True)
    if name != STANDARD:
        say(f"{count_of(len(rows), 'request')} written to {name}", is_standard=False)


def _sheet() -> Sheet:
    from autumn_mock.cli.log_format import shortened
    from autumn_mock.cli.output import Column, Screen, Sheet, moment

    is_wide = Screen().width >= _WIDE
    columns = [
        Column("id", lambda row: row["id"], right=True, width=4),
        Column("time UTC", lambda row: moment(row["at"])),
        Column("call", _call, flexible=True, width=22),
        Column("status", _status, style=_status_style, width=6),
        Column("customer", lambda row: shortened(row["customer_id"] or ""), flexible=True, width=8),
        Column("items", items_of, width=5),
        Column("ms", lambda row: f"{row['duration_ms']:.1f}", right=True, width=6),
    ]
    message = Column("message", lambda row: shortened(row["message"] or ""), flexible=True)
    return Sheet([*columns, message] if is_wide else columns, lambda row: _notes(row, with_message=not is_wide))


def _call(row: Row) -> str:
    from autumn_mock.cli.log_format import shortened

    return shortened(row["call"] or f"{row['method']} {row['path']}")


def _status(row: Row) -> str:
    received, own = row["status"] or "none", row["service_status"] or "none"
    return str(received) if received == own else f"{received} ({own})"


def _status_style(row: Row) -> str:
    if row["status"] is None or row["status"] >= 500:
        return "red"
    return "yellow" if row["status"] >= 400 else "green"


def items_of(row: Row) -> str:
    """How many items a request offered, and how many of them were refused."""
    if row["items"] is None:
        return ""
    return f"{row['items']}, {row['refused']} refused" if row["refused"] else str(row["items"])


def _notes(row: Row, *, with_message: bool) -> list[str]:
    from autumn_mock.cli.log_format import shortened

    notes = [shortened(row["message"])] if with_message and row["message"] else []
    notes += [f"fault: {rule}" for rule in row["faults"]]
    if row["reply"] != "sent":
        notes.append(f"reply: {row['reply'].replace('_', ' ')}")
    return notes + ([shortened(row["note"], _LONGEST_NOTE)] if row["note"] else [])


# -- one request


def _one_request(client: ControlClient, number: int, options: ListOptions, *, as_curl: bool, har: str | None) -> None:
    from autumn_mock.cli.exports import curl_of
    from autumn_mock.cli.output import Screen, print_json

    row = client.get(f"/requests/{number}")
    if har is not None:
        _write_har(har, [row], client.url)
    elif as_curl:
        if row["request_body_cut"] or (row["size"] and row["request_body"] is None):
            raise click.ClickException(
                f"the journal does not have the whole body ({row['size']} bytes); see --journal-bodies of serve"
            )
        click.echo(curl_of(row, client.url))
    elif options.as_json:
        print_json(row)
    else:
        screen = Screen()
        _show_facts(screen, row)
        _show_items(row["items_fate"])
        _show_effects(row)
        _show_body(screen, "request body", row["request_body"], row["size"], is_cut=row["request_body_cut"])
        _show_body(screen, "reply body", row["reply_body"], row["reply_size"], is_cut=row["reply_body_cut"])
        for title in ("request", "reply"):
            if row[f"{title}_headers"]:
                _title(screen, f"{title} headers")
                screen.pairs(row[f"{title}_headers"].items())


def _show_facts(screen: Screen, row: Row) -> None:
    from autumn_mock.cli.output import figure, moment

    query = f"?{row['query']}" if row["query"] else ""
    screen.line(f"request {row['id']}: {row['method']} {row['path']}{query}", "bold")
    screen.pairs(
        [
            ("call", row["call"]),
            ("request id", row["request_id"]),
            ("correlation id", row["correlation_id"]),
            ("organisation", f"{row['org']}:{row['env']}" if row["org"] else "none"),
            ("customer", row["customer_id"]),
            ("entity", row["entity_id"]),
            ("time", f"{moment(row['at'])} UTC"),
            ("took", f"{row['duration_ms']:.1f} ms"),
            ("version", row["api_version"]),
            ("client received", row["status"] or "nothing"),
            ("service status", row["service_status"] or "none"),
            ("message", row["message"]),
            ("reply", row["reply"].replace("_", " ")),
            ("retry after", None if row["retry_after"] is None else f"{figure(row['retry_after'])} s"),
            *(("fault", rule) for rule in row["faults"]),
            ("note", row["note"]),
            ("items", items_of(row)),
        ]
    )


def _title(screen: Screen, text: str) -> None:
    click.echo()
    screen.line(text, "bold")


def _show_items(fates: list[Row]) -> None:
    from autumn_mock.cli.output import Column, Sheet, figure

    if not fates:
        return
    click.echo()
    Sheet(
        [
            Column("item", lambda each: each["index"], right=True),
            Column("status", lambda each: each["fate"], style=lambda each: _STATUS_STYLES.get(each["fate"], "")),
            Column("customer", lambda each: _field(each, "customer_id"), flexible=True),
            Column("feature", lambda each: feature_of(each.get("item")), flexible=True),
            Column("value", lambda each: figure(_field(each, "value", 1)), right=True),
            Column("why", lambda each: each.get("reason"), flexible=True),
        ],
        lambda each: [
            f"{note['fate']} by {note['rule']}" if note["rule"] else "a second delivery was ignored"
            for note in each.get("notes", [])
        ],
    ).show(fates)


_STATUS_STYLES = {"deducted": "green", "waiting": "yellow", "refused": "red", "lost": "red"}


def _show_effects(row: Row) -> None:
    from autumn_mock.cli.output import Column, Sheet, figure

    if row["deductions"]:
        click.echo()
        Sheet(
            [
                Column("item", lambda each: each["index"], right=True),
                Column("deducted", lambda each: figure(each["value"]), right=True),
                Column("of", lambda each: each["feature_id"], flexible=True),
                Column("plan", lambda each: each["plan_id"], flexible=True),
                Column("balance", lambda each: each["balance_id"], flexible=True),
            ]
        ).show(row["deductions"])
    if row["webhooks"]:
        click.echo()
        Sheet(
            [
                Column("item", lambda each: each["index"], right=True),
                Column("webhook", lambda each: each["type"], flexible=True),
                Column("to", lambda each: each["endpoint"], flexible=True),
                Column("status", lambda each: each["status"]),
                Column("reply", lambda each: each["http_status"] or each["error"], flexible=True),
            ]
        ).show(row["webhooks"])


def _show_body(screen: Screen, title: str, body: str | None, size: int, *, is_cut: bool) -> None:
    if not size:
        return
    kept = ", of which the journal kept the beginning" if is_cut else "" if body is not None else ", no longer kept"
    _title(screen, f"{title} ({size} bytes{kept})")
    try:
        lines = json.dumps(json.loads(body or ""), indent=2, ensure_ascii=False).splitlines()
    except ValueError:
        lines = (body or "").splitlines()
    for line in lines[:_MAX_LINES]:
        screen.line(line, indent=2)
    if len(lines) > _MAX_LINES:
        screen.line(f"and {len(lines) - _MAX_LINES} more lines; --json has all", "dim", indent=2)


def _field(fate: Row, name: str, default: Any = "") -> Any:
    """A field of an item as it was sent; empty when the journal no longer has it."""
    item = fate.get("item")
    return item.get(name, default) if isinstance(item, dict) else ""


def feature_of(item: Any) -> str:
    """The feature, event or model that an item uses."""
    if not isinstance(item, dict):
        return ""
    return str(item.get("feature_id") or item.get("event_name") or item.get("model_id") or "")
