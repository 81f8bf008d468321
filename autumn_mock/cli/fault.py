"""``autumn-mock fault``: arm, list and clear fault rules.

The named commands (``partial``, ``outage``, …) write a rule; their options and help texts come from the grammar.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import IO, TYPE_CHECKING, Any

import click

from autumn_mock.cli.groups import CommandGroup
from autumn_mock.cli.options import asks_server, json_option
from autumn_mock.faults.armed import ArmedRule
from autumn_mock.faults.grammar import Rule, RuleError, parse_rules, quoted
from autumn_mock.faults.kinds import FAULT_KINDS
from autumn_mock.faults.options import MODIFIERS, PHASE, Option

if TYPE_CHECKING:
    from autumn_mock.control_client import ControlClient

#: The names of options that are not those of the rule.
_SPELLINGS = {"ttl": ("--for", "--ttl"), "route": ("--call", "--route")}
#: Options whose values may contain anything, as one word of the command line.
_FREE_TEXTS = ("json", "text", "header")
#: The modifiers that every named command has.
_MODIFIERS = ("times", "after", "every", "ttl", "customer", "feature", "org", "route")


class _Faults(CommandGroup):
    """Lists commands in order of definition. A rule in place of a command is armed."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and _begins_rule(args[0]):
            args = ["arm", *args]
        elif args and re.fullmatch(r"[1-5]\d\d", args[0]):
            args = ["status", *args]
        return super().resolve_command(ctx, args)


@click.group(cls=_Faults, short_help="Arm, list and clear fault rules.")
def fault() -> None:
    """Arm, list and clear fault rules.

    \b
    autumn-mock fault partial --rate 0.2         a fifth of all items is refused
    autumn-mock fault outage --for 30s           nothing can be queued for half a minute: 503
    autumn-mock fault down --times 3             every call fails with 503, three times
    autumn-mock fault 500 --call balances.check  that call fails with 500
    autumn-mock fault reply:hang after=enqueue   any rule, see: fault kinds
    """


# -- rules


def _begins_rule(word: str) -> bool:
    first = word.split(maxsplit=1)[0] if word.strip() else ""
    return first in FAULT_KINDS or (":" in first and "=" not in first)


def _rules(words: Iterable[str]) -> list[Rule]:
    """The rules on a command line: ``enqueue:fail items=3,7 queue:down times=2`` are two.

    A rule may be one word or several; semicolons between them are optional. Quotes that the shell removed are
    restored. Raises :class:`click.UsageError`, which marks the error in the rule.
    """
    texts: list[str] = []
    for word in words:
        if _begins_rule(word) or not texts:
            texts.append(word)
        else:
            name, equals, value = word.partition("=")
            is_one = equals and (name in _FREE_TEXTS or "=" not in value)
            texts[-1] += f" {name}={_quoted(value)}" if is_one else f" {word}"
    try:
        return [rule for text in texts for rule in parse_rules(text)]
    except RuleError as error:
        raise click.UsageError(str(error)) from None


def _written(kind: str, options: Mapping[str, Any], *words: str) -> str:
    """The text of a rule; ``words`` come before the options, options that are None are omitted."""
    given = [f"{name.replace('_', '-')}={_quoted(value)}" for name, value in options.items() if value is not None]
    return " ".join([kind, *words, *given])


def _quoted(value: str) -> str:
    """A value that the shell has unquoted. One that is quoted still, or again, is left as it is."""
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value
    try:
        return quoted(value)
    except ValueError as error:
        raise click.UsageError(f"{error}: {value}") from None


def _arm(client: ControlClient, rules: Iterable[Rule], as_json: bool) -> None:
    """Arm rules, and print their ids and texts, which include chosen seeds."""
    from autumn_mock.cli.output import print_json

    reports = [client.post("/faults", {"rule": rule.text}) for rule in rules]
    if as_json:
        print_json({"list": reports})
        return
    for report in reports:
        click.echo(f"armed {report['id']}: {report['rule']}\n  {_where(report)}")


# -- any rule


@fault.command(short_help="Arm any rule.")
@click.argument("words", nargs=-1, required=True, metavar="RULE...")
@click.option(
    "--file",
    type=click.File("r", encoding="utf-8"),
    metavar="FILE",
    help="Body of a reply:body rule: JSON or text; - is standard input. Read here, not by the server.",
)
@json_option
@asks_server
def arm(client: ControlClient, words: tuple[str, ...], file: IO[str] | None, as_json: bool) -> None:
    """Arm one or more rules. "arm" can be omitted.

    \b
    autumn-mock fault arm enqueue:fail items=3,7
    autumn-mock fault queue:down times=2 worker:delay 2s
    autumn-mock fault reply:body status=200 --file reply.json
    """
    _arm(client, _rules(words if file is None else (*words, _body_option(file.read()))), as_json)


def _body_option(content: str) -> str:
    """The content of a file as an option of reply:body."""
    try:
        document = json.dumps(json.loads(content), separators=(",", ":"))
        return "json=" + document.replace("'", r"\u0027")  # quotes of a rule
    except ValueError:
        return f"text={content}"


# -- named commands


def _named_command(short_help: str, kind: str, *names: str) -> Callable[[Callable[..., str]], click.Command]:
    """A command that arms the rule which the decorated function writes.

    It has the options ``names`` of the kind, under the same names, and those in :data:`_MODIFIERS`.
    """
    known = FAULT_KINDS[kind].options_by_name()

    def decorate(write: Callable[..., str]) -> click.Command:
        @functools.wraps(write)
        def command(client: ControlClient, as_json: bool, **options: Any) -> None:
            _arm(client, _rules([write(**options)]), as_json)

        decorated = json_option(asks_server(command))
        for option in reversed([known[name] for name in (*names, *_MODIFIERS)]):
            spelling = _SPELLINGS.get(option.name, (f"--{option.name}",))
            text = f"{option.text[0].upper()}{option.text[1:]}."
            decorated = click.option(*spelling, option.name.replace("-", "_"), metavar=option.placeholder, help=text)(
                decorated
            )
        return fault.command(short_help=short_help)(decorated)

    return decorate


@_named_command(
    "Some items of each batch cannot be queued.", "enqueue:fail", "rate", "seed", "items", "first", "last", "event"
)
def partial(**options: str | None) -> str:
    """Some items of each batch cannot be queued. The reply is 202; autumn-mock failures lists the refused items.

    \b
    autumn-mock fault partial --rate 0.2 --seed 42
    autumn-mock fault partial --items 3,7 --times 1
    """
    selecting = ("rate", "items", "first", "last", "every", "event", "customer", "feature")
    if all(options[name] is None for name in selecting):
        names = [f"--{name}" for name in selecting]
        raise click.UsageError(f"select the items: {', '.join(names[:-1])} or {names[-1]}")
    return _written("enqueue:fail", options)


@_named_command("Nothing can be queued: 503.", "queue:down", "rate", "seed", "event")
def outage(**options: str | None) -> str:
    """Nothing can be queued: batches return 503 with Retry-After, for a time, N times, or until it is cleared.

    \b
    autumn-mock fault outage --for 30s
    autumn-mock fault outage --times 2
    """
    return _written("queue:down", options)


@_named_command("Items are deducted late, or slowly.", "worker:slow", "rate", "event")
@click.option("--delay", metavar="TIME", help="How much later. Default: 2s.")
def slow(delay: str | None, rate: str | None, **options: str | None) -> str:
    """Accepted items are deducted late (--delay) or slowly (--rate). Batches return 202 as usual.

    \b
    autumn-mock fault slow
    autumn-mock fault slow --rate 100/s --customer cus_123
    """
    if rate is None:
        return _written("worker:delay", options, delay or "2s")
    if delay is not None:
        raise click.UsageError("give either --rate or --delay; for both, use two commands")
    return _written("worker:slow", {"rate": rate, **options})


@_named_command("Requests get no reply.", "reply:hang", "rate", "seed")
@click.option(
    "--before", is_flag=True, help="Before anything is queued. Default: after, so that the items are deducted."
)
def hang(before: bool, **options: str | None) -> str:
    """Requests get no reply, and the connection stays open until the client gives up.

    \b
    autumn-mock fault hang --times 1 --route balances.batch_track
    """
    return _written("reply:hang", options, f"{'before' if before else 'after'}={PHASE}")


@_named_command("Requests get no reply, and nothing is done.", "reply:hang", "rate", "seed")
def timeout(**options: str | None) -> str:
    """Requests get no reply and are not handled: the client's own time-out ends them. See also: hang.

    \b
    autumn-mock fault timeout --call balances.check --times 2
    """
    return _written("reply:hang", options)


@_named_command("Every call fails with 503.", "reply:status", "rate", "seed")
def down(**options: str | None) -> str:
    """Every call fails with 503 and is not handled, as if the whole service were down. See also: outage.

    \b
    autumn-mock fault down --for 30s
    """
    return _written("reply:status", options, "503")


@_named_command(
    "Calls fail with a status: fault 500, fault 429.", "reply:status", "rate", "seed", "retry-after", "body"
)
@click.argument("status")
def status(status: str, **options: str | None) -> str:
    """Calls fail with STATUS and are not handled. "status" can be omitted. 429 refuses like an exhausted rate limit.

    \b
    autumn-mock fault 500 --times 2
    autumn-mock fault 429 --call balances.batch_track
    autumn-mock fault 503 --retry-after 5
    """
    if status == "429" and options["body"] is None and options["retry_after"] is None:
        return _written("limit:exhaust", options)
    return _written("reply:status", options, status)


# -- list and clear


@fault.command("list", short_help="List the armed rules and how often they fired.")
@json_option
@asks_server
def list_(client: ControlClient, as_json: bool) -> None:
    """The armed rules: how often each fired, how many items it refused, how often it can still fire."""
    from autumn_mock.cli.output import Column, Sheet, print_json

    answer = client.get("/faults")
    if as_json:
        print_json(answer)
        return
    if not answer["list"]:
        click.echo("no rules are armed")
        return
    Sheet(
        [
            Column("id", lambda row: row["id"], right=True),
            Column("rule", lambda row: row["rule"], flexible=True),
            Column("fired", lambda row: row["fired"], right=True, style=lambda row: "bold" if row["fired"] else ""),
            Column("refused", lambda row: row["refused"], right=True),
            Column("left", lambda row: row["left"], right=True),
            Column("until", lambda row: row["until"]),
        ],
        lambda row: [row["where"]],
    ).show([_row(each) for each in sorted(answer["list"], key=lambda report: int(report["id"]))])


def _row(report: Mapping[str, Any]) -> dict[str, Any]:
    """The cells of a report."""
    from autumn_mock.cli.output import moment

    remaining = report["remaining"]
    return {
        "id": report["id"],
        "rule": report["rule"],
        "fired": report["fired"],
        "refused": report["refused"] or "",
        "left": "none" if report["completed"] else "any" if remaining is None else remaining,
        "until": moment(report["expires_at"]),
        "where": _where(report),
    }


def _where(report: Mapping[str, Any]) -> str:
    return "on the whole server" if report["org"] is None else f"in {report['org']}:{report['env']}"


@fault.command(short_help="Clear one rule, or all.")
@click.argument("number", type=int, required=False, metavar="[ID]")
@json_option
@asks_server
def clear(client: ControlClient, number: int | None, as_json: bool) -> None:
    """Clear the rule with this ID, or all rules.

    Ids are unique on the server. With --key only rules of that organisation are cleared.
    """
    from autumn_mock.counting import count_of

    answer = client.delete("/faults" if number is None else f"/faults/{number}")
    click.echo(json.dumps(answer) if as_json else f"cleared {count_of(answer['cleared'], 'rule')}")


# -- the grammar


@fault.command(short_help="Show the fault kinds and their options.")
@click.argument("kind", type=click.Choice(list(FAULT_KINDS)), required=False, metavar="[KIND]")
@json_option
def kinds(kind: str | None, as_json: bool) -> None:
    """Show every fault kind, or one, with its options. Needs no server."""
    from autumn_mock.cli.output import Column, Sheet, print_json
    from autumn_mock.faults.description import described

    if as_json:
        print_json(described(kind))
        return

    rows: list[dict[str, Any]] = []
    for each in [FAULT_KINDS[kind]] if kind is not None else FAULT_KINDS.values():
        rows += _explained(each)
    rows.append({"words": "any rule", "text": "", "style": "bold"})
    rows += [_option(each, _not_for(each.name)) for each in MODIFIERS.values()]
    Sheet(
        [
            Column("rule", lambda row: row["words"], style=lambda row: row["style"]),
            Column("meaning", lambda row: row["text"], flexible=True),
        ]
    ).show(rows)


def _explained(kind: type[ArmedRule]) -> list[dict[str, Any]]:
    """A kind, its options and an example, as rows of a table."""
    argument = kind.argument_placeholder
    if argument and kind.argument_default is not None:
        argument = f"[{argument}]"
    rows = [{"words": f"{kind.name} {argument}".rstrip(), "text": kind.summary(), "style": "bold"}]
    if kind.has_phase:
        rows.append({"words": f"  before={PHASE}", "text": "before anything is queued (default)", "style": ""})
        rows.append({"words": f"  after={PHASE}", "text": "after the service has done its work", "style": ""})
    rows += [_option(each) for each in kind.own_options]
    rows.append({"words": "", "text": f"example: {kind.example}", "style": ""})
    return rows


def _option(option: Option, more: str = "") -> dict[str, Any]:
    return {"words": f"  {option.name}={option.placeholder}", "text": f"{option.text}{more}", "style": ""}


def _not_for(modifier: str) -> str:
    """The kinds that do not accept a modifier."""
    without = [
        kind.name for kind in FAULT_KINDS.values() if kind.options_by_name().get(modifier) is not MODIFIERS[modifier]
    ]
    return f" (not {' and '.join(without)})" if without else ""
