"""The tables of the page about messages.

Codes and statuses are read from the code of the package, messages of the command line are what it prints. What they
mean and what to do is here: a code without an entry is an error, and so is an entry without a code.
"""

from __future__ import annotations

import ast
import os
import re
import shlex
import socket
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import click
from click.testing import CliRunner

import autumn_mock
from autumn_mock import Emulator
from autumn_mock.cli import main
from autumn_mock.engine import Engine
from autumn_mock.settings import declarations
from autumn_mock.store.database import Database
from autumn_mock.store.errors import StoreError
from tests.docs.answers import empty_directory, shortened
from tests.docs.tables import table
from tests.support.sources import nodes_of

#: What a code means, and what to do. Codes of this server alone are below.
CODES = {
    "invalid_inputs": ("A field is missing, or has a wrong type or value.", "Correct what the message names."),
    "invalid_request": ("The input is understood and refused.", "The message says what is not possible, and why."),
    "no_secret_key": ("The header `Authorization` has no key.", "Send `Authorization: Bearer am_sk_test_…`."),
    "invalid_secret_key": (
        "The key opens no organisation here.",
        "Compare it with the keys that `serve` prints at its start; add it with `--key`, or use `--auto-org`.",
    ),
    "invalid_publishable_key": ("The publishable key opens no organisation here.", "The same."),
    "endpoint_not_public": ("The call needs more than a publishable key.", "Use a secret key."),
    "insufficient_scopes": ("The key may not do this.", "Give the key the scope in the world, or use another one."),
    "no_auth_header": (
        "The path does not exist. The real service answers 401, as for a wrong key.",
        "Read the log: it names the nearest route.",
    ),
    "invalid_api_version": (
        "The header `x-api-version` is not a version.",
        "Send one like `2.3.0`, or none. With `--strict-versions` those after 2.6 are refused.",
    ),
    "customer_not_found": ("There is no customer with this id.", "Create it with `customers.get_or_create`."),
    "customer_already_exists": ("A customer has the new id.", "Choose another id."),
    "entity_not_found": ("The customer has no such entity.", "Create it with `entities.create`."),
    "entity_already_exists": ("The customer has an entity with this id.", "Use it, or choose another id."),
    "entity_id_required": (
        "Several customers have an entity with this id.",
        "Send `customer_id` as well.",
    ),
    "feature_not_found": ("There is no feature with this id.", "Create it, or push it with `atmn push`."),
    "duplicate_feature_id": ("A feature has this id.", "Use it, or choose another id."),
    "invalid_feature": ("The feature cannot be changed or built like this.", "The message names what uses it."),
    "product_not_found": ("There is no plan with this id, or no such version of it.", "Create it, or push it."),
    "product_already_exists": ("A plan has this id.", "Update it, or choose another id."),
    "product_id_already_exists": ("A plan has the id of the new variant.", "Choose another id."),
    "invalid_product_item": ("An item of the plan is not possible.", "The message says which combination is not."),
    "cannot_fork_archived_base": ("The base plan of a variant is archived.", "Restore it, or choose another base."),
    "nested_variant_not_allowed": ("A variant cannot be the base of another one.", "Name the base plan itself."),
    "too_many_variants": ("An update names too many variants.", "Send fewer in one call."),
    "conflicting_version_flags": ("Two options about versions exclude each other.", "Send one of them."),
    "invalid_propagation_target": ("A plan to change along is not a variant of this one.", "Name its variants only."),
    "insufficient_balance": (
        "The balance does not cover the usage, and `overage_behavior` is `reject`.",
        "Grant more, or let the usage be capped.",
    ),
    "lock_already_exists": (
        "409: a lock has this id. 423: a page was paid and is still being processed.",
        "Choose another id; settle the payment, or wait for it.",
    ),
    "duplicate_idempotency_key": (
        "A request with this idempotency key was processed before.",
        "Take it for success of that request. Use a new key for other usage. See [idempotency keys](idempotency.md).",
    ),
    "invalid_cursor": ("`start_cursor` was not made by this list.", "Send `next_cursor` of the page before, as it is."),
    "plan_already_attached": ("The customer has this plan.", "Change it with `billing.update`."),
    "product_already_attached": ("The same, of older clients.", "Change it with `billing.update`."),
    "cus_product_not_found": ("The customer does not have this plan.", "Read its plans with `customers.get`."),
    "duplicate_subscription_id": ("A subscription of the customer has this id.", "Choose another id."),
    "invalid_redirect_mode": (
        "`redirect_mode: always` is not possible beside an existing subscription.",
        "Send `new_billing_subscription: true`.",
    ),
    "invalid_options": ("The quantities of an older attach are incomplete.", "Give each prepaid feature a quantity."),
    "price_not_found": ("The feature has no prepaid price in this plan.", "Leave the option out."),
    "reward_not_found": ("There is no coupon with this id.", "Create it with `rewards.create`."),
    "promo_code_first_time_only": (
        "The promotion code is for the first purchase.",
        "Use another code, or a new customer.",
    ),
    "checkout_not_found": ("There is no checkout session with this id.", "List them: `autumn-mock checkouts`."),
    "checkout_unavailable": ("No page of the service has this id.", "Use the `payment_url` as it was given."),
    "checkout_completed": (
        "The page was paid before.",
        "Read the customer's plans; attach again for another purchase.",
    ),
    "checkout_expired": ("The page is too old.", "Attach the plan again for a new one."),
    "invoice_not_found": ("There is no invoice with this id.", "List them: `autumn-mock invoices`."),
    "service_unavailable": (
        "A call that does not queue is not possible right now: a fault rule says so.",
        "Send it again after `Retry-After`; `autumn-mock fault list` shows the rule.",
    ),
    "internal_error": (
        "503: nothing was queued or changed (a fault rule, a full queue, a disk that cannot be written). "
        "500: a failure of the server.",
        "503: send it again after `Retry-After`. 500: read the log, and report it.",
    ),
}
#: Codes that the real service does not send.
OWN_CODES = {
    "not_found": ("There is no such call, rule, request or run of the control API.", "The message names it."),
    "no_control_token": ("The server was started with `--control-token`.", "Send it in `x-autumn-mock-token`."),
    "cross_site": ("A page of another origin called the control API, or sent a form.", "Call it from its own pages."),
    "unknown_host": (
        "The control API was addressed by a name that is not the server's.",
        "Use `localhost`, its address, or `--control-token`.",
    ),
    "too_many_waiting": ("1000 requests wait already.", "Clear the rule that holds them: `autumn-mock fault clear`."),
    "not_installed": ("The call needs an extra.", "Install it as the message says."),
    "scenario_failed": ("A scenario of the page cannot go on.", "The message says why; start it again."),
    "dropped": ("A fault rule dropped an accepted item; only `/_mock/lost` shows it.", "Clear the rule."),
}


@cache
def sent_codes() -> dict[str, tuple[str, ...]]:
    """The codes of all errors that the package makes, with their statuses."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted(Path(autumn_mock.__file__).parent.rglob("*.py")):
        for node in nodes_of(path):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                for code, status in _error_of(node):
                    found[code].update(status)
    return {code: tuple(sorted(statuses)) for code, statuses in found.items()}


def _error_of(node: ast.Call) -> Iterator[tuple[str, set[str]]]:
    """(code, statuses) of a call that makes an error. A status that is computed is left out."""
    assert isinstance(node.func, ast.Name)
    if node.func.id == "invalid_request":
        status = [each.value for each in node.keywords if each.arg == "status"]
        yield "invalid_request", _constants(status[0]) if status else {"400"}
    elif node.func.id == "ApiError":
        for code in _constants(node.args[2]):
            yield code, _constants(node.args[0])


def _constants(node: ast.expr) -> set[str]:
    """The values that an expression may have, as far as they are written there."""
    if isinstance(node, ast.Constant):
        return {str(node.value)}
    if isinstance(node, ast.IfExp):
        return _constants(node.body) | _constants(node.orelse)
    return set()


def error_codes() -> str:
    """Every code, its statuses, its meaning and what to do."""
    parts = []
    for title, codes in (("Codes of the service", CODES), ("Codes of this server alone", OWN_CODES)):
        rows = [f"### {title}", "", "| code | status | meaning | what to do |", "|---|---|---|---|"]
        rows += [
            f"| `{code}` | {', '.join(sent_codes()[code])} | {meaning} | {cure} |"
            for code, (meaning, cure) in codes.items()
        ]
        parts.append("\n".join(rows))
    return "\n\n".join(parts) + "\n"


# -- databases

_CUT = "Keep what is before it, or restore a snapshot: [a damaged database](recovery.md#a-damaged-database)."
_RECORD = "Correct the record, which has a mistake: the file may be edited. Otherwise restore a snapshot."
_BACK = "Put the files back. The next checkpoint of a server that runs writes them again otherwise."
#: What is wrong with the files of a database: the part of a message that is the same each time, and what to do.
DATABASE = {
    "the record does not match its checksum, and further records follow it": _CUT,
    "it does not match its checksum": "The first line of a log is damaged. Restore a snapshot, or move the log away: "
    "without it the state is that of the last checkpoint.",
    ": the database file was replaced by an older one, or removed": "Put back the file that belongs to this log, or "
    "move the log away: without it the state is that of the file.",
    "it does not begin like a log of autumn-mock": "Another program wrote a file of that name. Move it.",
    "it is not valid JSON": "Restore a snapshot, or remove the file to begin anew.",
    "it is nested too deep": "The same.",
    "it is not a table of documents": _RECORD,
    'table "': "The first table says what wrote the file. Restore a snapshot.",
    "table keys": _RECORD,
    "document ": _RECORD,
    "table ": _RECORD,
    "line ": "A record of the log is valid, and does not fit the others. Restore a snapshot, and report it.",
    "it is not JSON": "Name another file; this one is left as it is.",
    'it is JSON, but has no table "': "The same.",
    ", not a regular file; it is left as it is": "Name a file: no directory, link or device.",
    " is not a regular file; it is left as it is": "The same.",
    " does not exist; create it": "Make the directory first.",
    " is read-only; allow this user to write it, or name another file": "Run the server as the same user.",
    " cannot be opened: ": "The system says why: a permission, or a failure of the disk.",
    " cannot be written: ": "The same, of the lock file beside the database.",
    " is larger than the memory that can be used; allow more": "A state needs several times the size "
    "of its file: see [performance](performance.md#subject-by-subject).",
    "the log or its directory was removed": _BACK,
    "nothing can be written until they are back, or written again": _BACK,
    "put the directory back, or create it again": _BACK,
    "another file has its name; remove it, or put the former one back": _BACK,
    "logs of another database are there; remove them": _BACK,
}
#: Mistakes of the program that calls the store: no user sees them.
_OF_CALLERS = {
    "another checkpoint of the database ",
    "a checkpoint of the database ",
}


def database_messages() -> set[str]:
    """The longest constant part of each message about the files of a database."""
    classes = {"StoreError", "FilesMissing", *(each.__name__ for each in StoreError.__subclasses__())}
    found: set[str] = set()
    for path in sorted((Path(autumn_mock.__file__).parent / "store").glob("*.py")):
        for node in nodes_of(path):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in classes:
                parts = [each.value for part in node.args for each in ast.walk(part) if isinstance(each, ast.Constant)]
                texts = [each for each in parts if isinstance(each, str)]
                found |= {max(texts, key=len)} if texts else set()
    return found - _OF_CALLERS


def database_errors() -> str:
    """What is wrong with the files of a database, and what to do."""
    rows = []
    for text, cure in DATABASE.items():
        end = "…" if text.endswith((" ", '"')) else ""
        rows.append((f"`{text.strip(' :,')}{end}`", cure))
    return table(("part of the message", "what to do"), rows)


# -- the command line


class Shown(NamedTuple):
    """A command that fails, the beginning of what it prints, and what to do."""

    command: str
    cure: str
    #: Makes the files that the command meets.
    prepare: Callable[[], None] = lambda: None


def _write(name: str, text: str) -> Callable[[], None]:
    def write() -> None:
        Path(name).write_text(text, "utf-8")

    return write


def _damaged() -> None:
    engine = Engine(db="state.json")
    engine.start()
    engine.stop()
    path = Path("state.json")
    path.write_text(path.read_text("utf-8")[:20], "utf-8")


def _damaged_log() -> None:
    with Database.open("log.json") as database:
        for number in range(3):
            database.append(b"%d" % number)
    path = Path("log.json.wal")
    path.write_bytes(path.read_bytes().replace(b" 1\n", b" 7\n"))


def _edited() -> None:
    with Engine(db="edited.json", world="empty"):
        pass
    path = Path("edited.json")
    path.write_text(path.read_text("utf-8").replace('"org_id":', '"organisation":', 1), "utf-8")


def _other_format() -> None:
    engine = Engine(db="newer.json")
    engine.start()
    engine.stop()
    path = Path("newer.json")
    path.write_text(re.sub(r'"format":\s*\d+', '"format": 99', path.read_text("utf-8")), "utf-8")


_MISSPELT = "organisations:\n  - slug: acme\n    kees: [am_sk_test_acme]\n"

START = (
    Shown("serve --fault queue:dwn", "See [faults](faults.md); the mark is below the error."),
    Shown("serve --fault 'reply:hang route=nope'", "Calls are named as in [calls](calls.md)."),
    Shown("serve --tls-key server.key", "Give both: [HTTPS](tls.md)."),
    Shown("serve --config my.toml", "The names are those of the options.", _write("my.toml", 'rate_limitt = "off"\n')),
    Shown("serve --world defalt", "A name of `autumn-mock world list`, or a file with its ending."),
    Shown("serve --world missing.yaml", "Paths are relative to the working directory."),
    Shown("serve --world acme.yaml", "See [worlds](worlds.md).", _write("acme.yaml", _MISSPELT)),
    Shown("serve --host 0.0.0.0", "See [access control](shared-server.md#access-control)."),
    Shown("serve --auto-org-like am_sk_test_x", "Add the key with `--key`, then push to it."),
    Shown("serve --port PORT", "Stop the other server, or use `--port 0`."),
    Shown("serve --host 192.0.2.1 --control-token x", "An address of this machine."),
    Shown("serve --db missing/state.json", "Make the directory first."),
    Shown("serve --db folder", "Name a file.", lambda: Path("folder").mkdir()),
    Shown("serve --db notes.txt", "Name another file; this one is left as it is.", _write("notes.txt", "hello")),
    Shown("serve --db state.json", "Restore a copy, or remove the file to begin anew.", _damaged),
    Shown("serve --db log.json", _CUT, _damaged_log),
    Shown("serve --db edited.json", "Correct the record: the file may be edited.", _edited),
    Shown("serve --db USED", "Stop the other server, or name another file."),
    Shown("serve --db newer.json", "Use the version of autumn-mock that wrote it.", _other_format),
)
COMMANDS = (
    Shown("stats --url http://127.0.0.1:9", "Start the server, or give its address with `--url`."),
    Shown("stats --key am_sk_test_unknown --url URL", "The key may be from a forgotten `AUTUMN_SECRET_KEY`."),
    Shown("stats --url TOKEN_URL", "Give `--control-token`, or set `AUTUMN_MOCK_CONTROL_TOKEN`."),
    Shown("balances cus_unknown --url URL", "See `autumn-mock requests`: was the customer created with this key?"),
    Shown("requests 4711 --url URL", "The journal keeps the last 1000; see `--journal-requests`."),
    Shown("fault queue:dwn --url URL", "See `autumn-mock fault kinds`."),
    Shown("scenario run missing --url URL", "A name of `autumn-mock scenario list`, or a file."),
    Shown("world init world.yaml", "Choose another name, or `--force`.", _write("world.yaml", "")),
    Shown("requests --curl", "Give the number of a request."),
    Shown("certify", "See [certify](certify.md)."),
    Shown("docs falts", "`autumn-mock docs` lists the topics."),
    Shown("exec -- no-such-command", "Install it, or correct its name. 126 and 127 are the codes that a shell has."),
)


class Printed(NamedTuple):
    """What a command that failed printed."""

    code: int
    message: str
    #: What the message was made from.
    error: BaseException | None


def _printed(command: str, values: dict[str, str]) -> Printed:
    """Run a command, which fails. What differs between runs is written as the names of ``values``."""
    words = [values.get(word, word) for word in shlex.split(command)]
    done = CliRunner().invoke(main, words, standalone_mode=False)
    error = done.exception
    assert done.exit_code or error is not None, f"{command} does not fail: {done.output}"
    code, message = done.exit_code, done.output
    if isinstance(error, click.ClickException):
        code, message = error.exit_code, error.message
    message = message.replace(f"{Path.cwd()}{os.sep}", "")
    for name, value in values.items():
        message = message.replace(value, name)
    return Printed(code, shortened(message), error and error.__context__)


def printed(shown: tuple[Shown, ...], values: dict[str, str]) -> list[Printed]:
    """What each command prints, in a directory of its own."""
    found = []
    with empty_directory():
        for each in shown:
            each.prepare()
            found.append(_printed(each.command, values))
    return found


def _table(shown: tuple[Shown, ...], found: list[Printed]) -> str:
    return "\n".join(
        f"`autumn-mock {each.command}` (exit code {one.code}):\n\n```text\n{one.message}\n```\n\n{each.cure}\n"
        for each, one in zip(shown, found, strict=True)
    )


@cache
def start_failures() -> list[Printed]:
    """What ``serve`` prints when it cannot start."""
    with socket.socket() as taken, empty_directory() as elsewhere:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        values = {"PORT": str(taken.getsockname()[1]), "USED": str(elsewhere / "used.json"), "PID": str(os.getpid())}
        with Engine(db=values["USED"], world="empty"):
            return printed(START, values)


def setting_errors() -> str:
    """What each setting says of a value that it does not take; those that take any text are left out."""
    command = main.get_command(click.Context(main), "serve")
    assert command is not None
    rows = []
    for name, setting in declarations().items():
        option = f"--{name.replace('_', '-')}"
        if setting["flag"]:
            continue
        try:
            command.make_context("serve", [option, "?"])
        except click.ClickException as error:
            rows.append((f"`{option}`", f"`{shortened(error.message).splitlines()[0]}`"))
    return table(("setting", "message for the value `?`"), rows)


def start_errors() -> str:
    """The messages of a server that cannot start."""
    return _table(START, start_failures())


def command_errors() -> str:
    """The messages of other commands."""
    with Emulator() as open_, Emulator(control_token="secret") as closed:
        return _table(COMMANDS, printed(COMMANDS, {"URL": open_.url, "TOKEN_URL": closed.url}))
