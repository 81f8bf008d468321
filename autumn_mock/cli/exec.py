"""``autumn-mock exec``: run a command with a server, for test suites in any language."""

from __future__ import annotations

import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import click

from autumn_mock.cli.files import STANDARD, input_file, warn_if_shadowed
from autumn_mock.cli.options import SettingsCommand, read_value, setting_options
from autumn_mock.cli.ready_file import ready_file
from autumn_mock.cli.shutdown import database_error, handling_signals, start_errors, stop, stop_once
from autumn_mock.cli.trust import AUTUMN_HOST

if TYPE_CHECKING:
    from autumn_mock.journal.finding import OwnedFinding
    from autumn_mock.journal.finding_filter import FindingFilter
    from autumn_mock.testing.embedded import Emulator
    from autumn_mock.testing.mock import AutumnMock

#: The exit code when the command succeeded, but its client violated the contract.
CONTRACT_VIOLATED = 3
#: The exit codes of shells for a command that cannot be run, and for one that does not exist.
_CANNOT_RUN, _NOT_FOUND = 126, 127
#: The signals of Ctrl-C and Ctrl-Backslash.
_KEY_SIGNALS = (signal.SIGINT, getattr(signal, "SIGQUIT", None))


def _read_filter(text: str) -> FindingFilter:
    from autumn_mock.journal.finding_filter import read_finding_filter

    return read_finding_filter(text)


def _read_name(text: str) -> tuple[str, str]:
    """The name of a variable, and the path after ``=``."""
    name, _, path = text.partition("=")
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name, re.ASCII) or (path and not path.startswith("/")):
        raise ValueError("must be the name of a variable, or NAME=/path")
    return name, path


def _read_hosts(text: str) -> tuple[str, ...]:
    """Names of hosts."""
    hosts = tuple(dict.fromkeys(each.strip().lower() for each in text.split(",")))
    if not all(re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", each, re.ASCII) for each in hosts):
        raise ValueError("must be the names of hosts, separated by commas")
    return hosts


#: What an option without a value after ``=`` stands for.
_WITHOUT_VALUE = {"--check-findings": "certain", "--proxy": AUTUMN_HOST}


class _ExecCommand(SettingsCommand):
    """Some options may have a value after ``=``; without one they have a default, and take no argument."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        own = [f"{each}={_WITHOUT_VALUE[each]}" if each in _WITHOUT_VALUE else each for each in args[:end]]
        return super().parse_args(ctx, own + args[end:])


@click.command(
    "exec",
    cls=_ExecCommand,
    short_help="Run a command with a server.",
    context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False},
)
@setting_options
@click.option(
    "--check-findings",
    metavar="[=LEVEL,CODE,…]",
    type=read_value("check_findings", _read_filter),
    help="Fail if the client violated the contract: only if that is certain (the default), or also if it is probable; "
    "all kinds of findings, or these.",
)
@click.option(
    "--fail-on-warnings",
    is_flag=True,
    help="Fail, too, if no request but those of a catalogue reached the server, or a fault rule never fired.",
)
@click.option(
    "--env",
    "names",
    multiple=True,
    metavar="NAME",
    type=read_value("env", _read_name),
    help="Another variable of the command for the server's URL; NAME=/v1 appends a path. Repeatable.",
)
@click.option(
    "--proxy",
    "hosts",
    default=(),
    metavar="[=HOST,…]",
    type=read_value("proxy", _read_hosts),
    help=f"Serve the command's HTTPS requests to {AUTUMN_HOST}, or to these hosts, as their proxy; only the command "
    "trusts its certificate (extra tls).",
)
@click.option(
    "--report",
    metavar="FILE",
    type=click.Path(dir_okay=False, allow_dash=True),
    help="Write a report: JUnit XML if the name ends in .xml, otherwise JSON; - is standard output.",
)
@click.argument("command", nargs=-1, required=True)
def exec_(
    command: tuple[str, ...],
    check_findings: FindingFilter | None,
    fail_on_warnings: bool,
    names: tuple[tuple[str, str], ...],
    hosts: tuple[str, ...],
    report: str | None,
    **values: Any,
) -> None:
    """Start a server, run COMMAND, stop the server, and exit with the command's exit code.

    \b
    autumn-mock exec -- npm test
    autumn-mock exec --fault "queue:down times=2" --check-findings -- node --test
    autumn-mock exec --check-findings=probable,resent_after_lost_reply --env AUTUMN_API_URL=/v1 -- npm test

    The environment of the command has AUTUMN_MOCK_URL, ATMN_BACKEND_URL and AUTUMN_SECRET_KEY (and AUTUMN_MOCK_KEY):
    the first --key, or else the first key of the world. Its NO_PROXY includes the server. Without --port the server
    uses a free port.

    Exit codes: that of the command, 128 and the signal's number if a signal ended it; 3 with --check-findings if the
    command succeeded and its client violated the contract, and with --fail-on-warnings if a warning was printed; 126
    and 127 if it cannot be run.
    """
    source = click.get_current_context().get_parameter_source("port")
    if source is not None and source.name in ("DEFAULT", "DEFAULT_MAP"):  # a server may use the port of the file
        values["port"] = 0
    if report not in (None, STANDARD) and not Path(report).absolute().parent.is_dir():
        raise click.UsageError(f"--report {report}: there is no such directory")
    with (
        handling_signals(_leave),
        _server(values, hosts) as mock,
        ready_file(mock.emulator.settings.ready_file, mock.url),
    ):
        mock.emulator.keep_earlier_findings()
        mock.emulator.boards.keep_fired()
        for rule in mock.emulator.first_faults:
            if rule.text not in mock.emulator.settings.fault:  # has a random seed: with it the run can be reproduced
                click.echo(f"autumn-mock: armed {rule.text}", err=True)
        with _secured(mock, hosts, _environment(mock, names)) as environment:
            code = _run(command, environment)
        mock.emulator.drain(5)
        _print_failures(mock, code)
        findings = mock.emulator.all_findings()
        _print_findings(findings)
        _print_not_counted(findings, check_findings)
        if report is not None:
            try:
                _report(report, command, code, mock, findings)
            except OSError as error:
                click.echo(f"autumn-mock: {report} cannot be written: {error.strerror or error}", err=True)
                code = code or 1
        has_warnings = _print_summary(mock, code, findings)
    violated = check_findings is not None and bool(check_findings.select(findings))
    if code == 0 and (violated or (fail_on_warnings and has_warnings)):
        code = CONTRACT_VIOLATED
    sys.exit(code)


def _leave(number: int) -> None:
    """End before the command was started, or after its end."""
    stop_once()
    raise SystemExit(128 + number)


def _print_failures(mock: AutumnMock, code: int) -> None:
    """Print which requests failed, if the command did, and which keys open nothing."""
    from autumn_mock.testing.lines import unknown_key_lines
    from autumn_mock.testing.reports import failure_report

    unknown = mock.emulator.journal.unknown_keys()
    for line in failure_report(mock) if code else unknown_key_lines(unknown, [mock.key]):
        click.echo(line if line.startswith(" ") else f"autumn-mock: {line}", err=True)


def _print_summary(mock: AutumnMock, code: int, findings: Sequence[OwnedFinding]) -> bool:
    """Print warnings, and the line about the run; whether there are warnings."""
    from autumn_mock.testing.outcome import outcome_line, run_warnings

    warnings = run_warnings(mock.emulator)
    for warning in warnings if code < _CANNOT_RUN else ():  # otherwise it did not run to its end
        click.echo(f"autumn-mock: warning: {warning}", err=True)
    outcome = outcome_line(findings, mock.emulator.journal.entries())
    if outcome is not None:
        click.echo(f"autumn-mock: {outcome}", err=True)
    return bool(warnings)


def _print_findings(findings: Sequence[OwnedFinding]) -> None:
    from autumn_mock.testing.reports import finding_line

    for each in findings:
        click.echo(f"autumn-mock: {finding_line(each)}\n  {each.instead}", err=True)


def _print_not_counted(findings: Sequence[OwnedFinding], chosen: FindingFilter | None) -> None:
    """Say that a run passes although there are findings."""
    from msgspec.structs import replace

    from autumn_mock.counting import count_of

    if chosen is None or chosen.level == "probable":
        return
    left_out = len(replace(chosen, level="probable").select(findings)) - len(chosen.select(findings))
    if left_out:
        text = f"{count_of(left_out, 'probable finding')} not counted; --check-findings=probable fails on"
        click.echo(f"autumn-mock: {text} {'it' if left_out == 1 else 'them'}, too", err=True)


def _report(name: str, command: tuple[str, ...], code: int, mock: AutumnMock, findings: list[OwnedFinding]) -> None:
    from autumn_mock.testing.reports import write_report

    if name != STANDARD:
        write_report(Path(name), command, code, mock, findings)
        return
    with tempfile.TemporaryDirectory(prefix="autumn-mock-") as folder:
        path = Path(folder, "report.json")
        write_report(path, command, code, mock, findings)
        click.echo(path.read_text("utf-8"))


for _parameter in exec_.params:
    if isinstance(_parameter, click.Option) and _parameter.name == "port":
        _parameter.show_default = "a free one"


@contextmanager
def _server(values: dict[str, Any], hosts: Sequence[str]) -> Iterator[AutumnMock]:
    # The public `autumn_mock.Emulator`: exec is the test fixture for other languages.
    from autumn_mock.testing.embedded import Emulator
    from autumn_mock.web.guard import is_loopback

    if hosts and not is_loopback(values["host"]):
        raise click.UsageError(f"--proxy is for this machine only, and --host {values['host']} lets others in")
    warn_if_shadowed("world", values["world"])
    with start_errors(database_error(values["db"])), input_file(values["world"]) as world:
        emulator = Emulator(**{**values, "world": world})
    try:
        key = next(iter(emulator.settings.key), None) or emulator.first_key
    except ValueError as error:
        emulator.abandon()
        raise click.UsageError(f"{error}; give --key") from None
    try:
        with start_errors(lambda error: f"cannot listen on port {values['port']}: {error.strerror or error}"):
            emulator.start(hosts)
        try:
            mock = emulator.mock(key)
        except ValueError as error:
            raise click.UsageError(f"{error}; give --key") from None
        yield mock
    finally:
        stop_once()
        stop(emulator)


def _environment(mock: AutumnMock, names: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The variables of the command. ``names``: more variables for the URL, each with a path to append."""
    token = mock.emulator.settings.control_token
    host = urlsplit(mock.url).hostname or ""
    direct = [each for each in (os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or "").split(",") if each]
    without_proxy = ",".join(dict.fromkeys([*direct, host, "127.0.0.1", "localhost"]))
    return {
        **os.environ,
        **({"AUTUMN_MOCK_CONTROL_TOKEN": token} if token is not None else {}),
        "AUTUMN_MOCK_URL": mock.url,
        "ATMN_BACKEND_URL": mock.url,
        **{name: mock.url + path for name, path in names},
        "AUTUMN_MOCK_KEY": mock.key,
        "AUTUMN_SECRET_KEY": mock.key,
        "NO_PROXY": without_proxy,
        "no_proxy": without_proxy,
    }


@contextmanager
def _secured(mock: AutumnMock, hosts: Sequence[str], variables: dict[str, str]) -> Iterator[dict[str, str]]:
    """The variables, and those with which the command trusts the server's certificate and has its proxy."""
    authority = cast("Emulator", mock.emulator).authority
    if authority is None:
        yield variables
        return
    from autumn_mock.cli.trust import proxied, trusting

    with ExitStack() as files:
        files.enter_context(_printing_warnings())
        more = files.enter_context(trusting(authority, variables))
        if hosts:
            address = urlsplit(mock.url)
            more |= files.enter_context(proxied(hosts, address.hostname or "", address.port or 0, variables))
        yield {**variables, **more}


@contextmanager
def _printing_warnings() -> Iterator[None]:
    """Print what goes wrong with connections that speak TLS: the command sees only that they are closed."""
    handler = _Printer()
    log = logging.getLogger("autumn_mock.web.tls")
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)


class _Printer(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        click.echo(f"autumn-mock: {record.getMessage()}", err=True)


def _run(command: tuple[str, ...], environment: dict[str, str]) -> int:
    """Run the command; its exit code. Signals are forwarded to it."""
    try:
        code = _wait_for(command, environment)
    except OSError as error:
        found = shutil.which(command[0])
        if isinstance(error, FileNotFoundError) and found is None:
            click.echo(f"autumn-mock: command not found: {command[0]}", err=True)
            return _NOT_FOUND
        is_there = found is not None and isinstance(error, FileNotFoundError)
        why = _missing_interpreter(str(found)) if is_there else error.strerror or error
        click.echo(f"autumn-mock: {command[0]} cannot be run: {why}", err=True)
        return _CANNOT_RUN
    return code if code >= 0 else 128 - code  # the exit code of shells for a command that a signal ended


def _missing_interpreter(program: str) -> str:
    """Why a program that exists is not found by the system: its interpreter is missing."""
    with suppress(OSError), Path(program).open("rb") as file:
        line = file.readline(256)
        if line.startswith(b"#!"):
            words = line[2:].decode("utf-8", "replace").split()
            return f"its first line names {words[0] if words else 'nothing'}, which does not exist"
    return "its loader does not exist"


def _wait_for(command: tuple[str, ...], environment: dict[str, str]) -> int:
    """Run a command to its end; its return code. Signals are forwarded, except those that a terminal sends to it, too.

    Raises :class:`OSError` when it cannot be run.
    """
    child: subprocess.Popen[bytes] | None = None
    early: list[int] = []

    def forward(number: int) -> None:
        if child is None:
            early.append(number)
        elif number not in _KEY_SIGNALS or not _at_a_terminal():
            child.send_signal(number)

    with handling_signals(forward):
        child = subprocess.Popen(command, env=environment)  # noqa: S603  # the caller's own command
        for number in early:
            forward(number)
        return child.wait()


def _at_a_terminal() -> bool:
    try:
        return os.isatty(0)
    except OSError:
        return False
