"""``autumn-mock certify``: a conformance suite for clients of the API."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from autumn_mock.cli.files import FileError, warn_if_shadowed
from autumn_mock.cli.options import json_option

if TYPE_CHECKING:
    from autumn_mock.certification.model import CaseLevel, ConformanceCase
    from autumn_mock.certification.results import CaseResult, Certificate

#: Of the results in the table.
_COLOURS = {"passed": "green", "failed": "bold red", "skipped": "dim"}


@click.command(
    short_help="Check a client of the API for conformance.",
    context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False},
)
@click.option("--adapter", metavar="NAME", help="A shipped adapter: autumn-js, autumn-sdk, fetch or httpx.")
@click.option("--case", "names", metavar="NAME", multiple=True, help="Only this case, with its full story; repeatable.")
@click.option(
    "--level",
    type=click.Choice(["must", "should", "may"]),
    default="must",
    show_default=True,
    help="Fail if a case of this level or a stricter one fails.",
)
@click.option(
    "--report",
    "reports",
    metavar="FILE",
    multiple=True,
    type=click.Path(dir_okay=False),
    help="Write a report: .xml (JUnit), .json, .md, .html, or .svg (the badge); repeatable.",
)
@click.option(
    "--set", "assignments", metavar="NAME=VALUE", multiple=True, help="A setting for the adapter; repeatable."
)
@click.option("--timeout", type=click.FloatRange(1, 600), default=60, show_default=True, help="Seconds for an answer.")
@click.option("--jobs", type=click.IntRange(1, 64), default=4, show_default=True, help="Cases at the same time.")
@click.option("--list", "only_list", is_flag=True, help="List the cases, and run none.")
@click.option("--protocol", is_flag=True, help="Print how to write an adapter.")
@json_option
@click.argument("command", nargs=-1)
def certify(
    command: tuple[str, ...],
    adapter: str | None,
    names: tuple[str, ...],
    level: CaseLevel,
    reports: tuple[str, ...],
    assignments: tuple[str, ...],
    timeout: float,
    jobs: int,
    only_list: bool,
    protocol: bool,
    as_json: bool,
) -> None:
    """Run the conformance suite on the client behind an adapter.

    \b
    autumn-mock certify -- ruby adapter.rb
    autumn-mock certify --adapter autumn-js --report report.html

    COMMAND is an adapter: a small program that reads instructions as JSON lines, has the client follow them, and
    answers each with a JSON line; --protocol describes it. A shipped adapter gets COMMAND as its arguments.

    Exit codes: 0 if all cases of --level passed, 1 if one failed, 2 for an adapter or options that cannot be used.
    """
    from autumn_mock.certification.protocol import protocol_page

    if protocol:
        click.echo(protocol_page(), nl=False)
        return
    cases = _cases(names)
    if only_list:
        _print_cases(cases, as_json)
        return
    _check_reports(reports)
    certificate = _run(cases, _command(adapter, command), settings=_settings(assignments), timeout=timeout, jobs=jobs)
    _show(certificate, as_json=as_json, stories=bool(names))
    _write(reports, certificate, level)
    if certificate.failed(level):
        raise SystemExit(1)


def _command(adapter: str | None, command: tuple[str, ...]) -> list[str]:
    from autumn_mock.certification.shipped import adapter_command
    from autumn_mock.input_files import InputFileError

    if adapter is not None:
        try:
            return [*adapter_command(adapter), *command]
        except InputFileError as error:
            raise click.UsageError(f"--adapter: {error}") from None
    if not command:
        raise click.UsageError("give the command of an adapter after --, or a shipped one with --adapter")
    return list(command)


def _cases(names: Sequence[str]) -> list[ConformanceCase]:
    from autumn_mock.certification.model import read_cases
    from autumn_mock.input_files import InputFileError, find_file, shipped_files

    for name in names:
        warn_if_shadowed("case", name)
    try:
        return read_cases({name: find_file("case", name) for name in names} or shipped_files("case"))
    except InputFileError as error:
        raise FileError(str(error)) from None


def _settings(assignments: Sequence[str]) -> dict[str, Any]:
    """The settings of ``NAME=VALUE``; a value that is JSON is taken as JSON."""
    import json

    settings: dict[str, Any] = {}
    for each in assignments:
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise click.UsageError(f"--set {each}: write NAME=VALUE, like retries=true")
        try:
            settings[name] = json.loads(value)
        except ValueError:
            settings[name] = value
    return settings


def _check_reports(reports: Sequence[str]) -> None:
    """Refuse reports that cannot be written, before the suite runs."""
    from autumn_mock.certification.reports import FORMATS

    for report in reports:
        if Path(report).suffix not in FORMATS:
            raise click.UsageError(f"--report {report}: the name must end in {', '.join(FORMATS)}")
        if not Path(report).absolute().parent.is_dir():
            raise click.UsageError(f"--report {report}: there is no such directory")


def _run(cases: list[ConformanceCase], command: list[str], *, timeout: float, **options: Any) -> Certificate:
    from autumn_mock.certification.adapter import AdapterFailed
    from autumn_mock.certification.runner import certify as run_suite
    from autumn_mock.cli.progress import loading_bar
    from autumn_mock.cli.scenario import own_server
    from autumn_mock.control_client import ControlError

    done = 0
    with loading_bar("autumn-mock: certifying", 0) as progress, own_server() as url:

        def advance(_: CaseResult) -> None:
            nonlocal done
            done += 1
            progress(done, len(cases))

        try:
            return run_suite(cases, url, command, on_done=advance, timeout=timeout, **options)
        except AdapterFailed as error:
            raise click.UsageError(str(error)) from None
        except ControlError as error:
            raise click.ClickException(str(error)) from None


def _write(reports: Sequence[str], certificate: Certificate, level: CaseLevel) -> None:
    from autumn_mock.certification.reports import write_certificate

    for report in reports:
        try:
            write_certificate(Path(report), certificate, level)
        except OSError as error:
            raise click.ClickException(f"{report} cannot be written: {error.strerror or error}") from None


# -- printing


def _print_cases(cases: Sequence[ConformanceCase], as_json: bool) -> None:
    from autumn_mock.cli.output import Column, Sheet, print_json

    rows: list[dict[str, Any]] = [
        {
            "name": case.name,
            "level": case.level,
            "group": case.group,
            "title": case.title,
            "charged": case.charge,
            "reason": case.reason,
        }
        for case in cases
    ]
    if as_json:
        print_json({"list": rows})
        return
    columns = [
        Column("CASE", lambda row: row["name"]),
        Column("LEVEL", lambda row: row["level"]),
        Column("TITLE", lambda row: row["title"], flexible=True),
        Column("THE SERVICE CHARGES", lambda row: row["charged"], flexible=True),
    ]
    Sheet(columns).show(rows)


def _show(certificate: Certificate, *, as_json: bool, stories: bool) -> None:
    from msgspec import to_builtins

    from autumn_mock.certification.data import as_data
    from autumn_mock.certification.reports import story_lines
    from autumn_mock.cli.output import Column, Sheet, print_json

    if as_json:
        print_json(to_builtins(as_data(certificate)))
        return
    if stories:
        for each in certificate.results:
            click.echo("\n".join(story_lines(each)))
            click.echo(f"result: {each.verdict}\n")
    else:
        columns = [
            Column("CASE", lambda row: row["name"]),
            Column("LEVEL", lambda row: row["level"]),
            Column("RESULT", lambda row: row["verdict"], style=lambda row: _COLOURS[row["verdict"]]),
            Column("TITLE", lambda row: row["title"], flexible=True),
        ]
        Sheet(columns, lambda row: row["problems"]).show([_row(each) for each in certificate.results])
    click.echo(f"{certificate.client}: {certificate.summary} cases passed")


def _row(result: CaseResult) -> dict[str, Any]:
    case = result.case
    return {
        "name": case.name,
        "level": case.level,
        "verdict": result.verdict,
        "title": case.title,
        "problems": list(result.problems),
    }
