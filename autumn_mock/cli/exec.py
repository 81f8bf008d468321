"""``autumn-mock exec``: a command with a server beside it, for test suites in any language."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from autumn_mock.cli.options import setting_options
from autumn_mock.cli.ready_file import ready_file
from autumn_mock.cli.shutdown import not_begun, stop

if TYPE_CHECKING:
    from autumn_mock.testing.mock import AutumnMock

#: The exit code when the command went well, but its client broke the contract.
BROKEN_CONTRACT = 3
#: What shells answer for a command that cannot be run, and for one that does not exist.
_CANNOT_RUN, _NOT_FOUND = 126, 127


@click.command(
    "exec",
    short_help="Run a command with a server beside it.",
    context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False},
)
@setting_options
@click.option("--check-findings", is_flag=True, help="Fail when the client broke the contract.")
@click.option(
    "--report",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Write what happened: JUnit XML for a name that ends in .xml, else JSON.",
)
@click.argument("command", nargs=-1, required=True)
def exec_(command: tuple[str, ...], check_findings: bool, report: str | None, **knobs: Any) -> None:
    """Start a server, run COMMAND, stop the server, and end with the command's exit code.

    \b
        autumn-mock exec -- npm test
        autumn-mock exec --fault "queue:down times=2" --check-findings -- node --test

    The command finds the server in its environment: AUTUMN_MOCK_URL, AUTUMN_SECRET_KEY (and AUTUMN_MOCK_KEY). The port
    is a free one unless --port says otherwise. With --check-findings the exit code is 3 when the command went well and
    its client certainly did something against the contract.
    """
    source = click.get_current_context().get_parameter_source("port")
    if source is not None and source.name == "DEFAULT":
        knobs["port"] = 0
    if report is not None and not Path(report).absolute().parent.is_dir():
        raise click.UsageError(f"--report {report}: there is no such directory")
    with _server(knobs) as mock, ready_file(mock.emulator.settings.ready_file, mock.url):
        for rule in mock.emulator.first_faults:
            if rule.text not in mock.emulator.settings.fault:  # a seed was drawn: with it the run can be had again
                click.echo(f"autumn-mock: armed {rule.text}", err=True)
        code = _run(command, mock)
        mock.emulator.drain(5)
        findings = mock.emulator.all_findings()
        for each in findings:
            doubt = "" if each.certain else " (perhaps)"
            click.echo(f"autumn-mock: {each.code}{doubt}: {each.message}\n  {each.instead}", err=True)
        if report is not None:
            from autumn_mock.testing.reports import write_report

            try:
                write_report(Path(report), command, code, mock, findings)
            except OSError as error:
                click.echo(f"autumn-mock: {report} cannot be written: {error.strerror or error}", err=True)
                code = code or 1
    if code == 0 and check_findings and any(each.certain for each in findings):
        code = BROKEN_CONTRACT
    sys.exit(code)


@contextmanager
def _server(knobs: dict[str, Any]) -> Iterator[AutumnMock]:
    from autumn_mock.faults.grammar import RuleError
    from autumn_mock.store.errors import StoreError
    from autumn_mock.testing.embedded import Emulator
    from autumn_mock.web.guard import ExposedWithoutToken
    from autumn_mock.worlds import WorldError

    try:
        emulator = Emulator(**knobs)
    except (WorldError, RuleError) as error:
        raise click.UsageError(str(error)) from None
    except StoreError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise not_begun(knobs["db"], error) from None
    try:
        emulator.start()
    except OSError as error:
        stop(emulator)
        raise click.ClickException(f"cannot listen on port {knobs['port']}: {error.strerror or error}") from None
    except (RuleError, ExposedWithoutToken) as error:
        stop(emulator)
        raise click.UsageError(str(error)) from None
    try:
        try:
            mock = emulator.mock()
        except ValueError as error:
            raise click.UsageError(f"{error}; give --key") from None
        yield mock
    finally:
        stop(emulator)


def _run(command: tuple[str, ...], mock: AutumnMock) -> int:
    """The exit code of the command; a signal that we get is the command's too."""
    token = mock.emulator.settings.control_token
    environment = {
        **os.environ,
        **({"AUTUMN_MOCK_CONTROL_TOKEN": token} if token is not None else {}),
        "AUTUMN_MOCK_URL": mock.url,
        "AUTUMN_MOCK_KEY": mock.key,
        "AUTUMN_SECRET_KEY": mock.key,
    }
    try:
        child = subprocess.Popen(command, env=environment)  # noqa: S603  # what the caller asks for
    except FileNotFoundError:
        found = shutil.which(command[0])
        if found is None:
            click.echo(f"autumn-mock: there is no command {command[0]}", err=True)
            return _NOT_FOUND
        click.echo(f"autumn-mock: {command[0]} cannot be run: {_what_is_missing(found)}", err=True)
        return _CANNOT_RUN
    except OSError as error:
        click.echo(f"autumn-mock: {command[0]} cannot be run: {error.strerror or error}", err=True)
        return _CANNOT_RUN
    with _passing_on(child):
        code = child.wait()
    return code if code >= 0 else 128 - code  # as shells tell of a command that a signal ended


def _what_is_missing(program: str) -> str:
    """Why a program that is there cannot be found: what its first line names is not."""
    with suppress(OSError), Path(program).open("rb") as file:
        line = file.readline(256)
        if line.startswith(b"#!"):
            words = line[2:].decode("utf-8", "replace").split()
            return f"its first line names {words[0] if words else 'nothing'}, which does not exist"
    return "what it needs to be loaded does not exist"


@contextmanager
def _passing_on(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """Pass signals on to the command, and wait for what it makes of them. Ctrl-C reaches it from the terminal."""

    def pass_on(number: int, _frame: object) -> None:
        if number != signal.SIGINT or not _at_a_terminal():
            child.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _at_a_terminal() -> bool:
    try:
        return os.isatty(0)
    except OSError:
        return False
