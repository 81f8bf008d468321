"""``autumn-mock fidelity``: compare a server with what the real one answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from autumn_mock.cli.options import json_option
from autumn_mock.settings import read_url

if TYPE_CHECKING:
    from autumn_mock.fidelity.suites import Result, Suite

#: Lines for one exchange, run or case.
_MOST_PROBLEMS = 4


@click.command(short_help="Compare a server with recorded answers of the real one.")
@click.option("--against", metavar="URL", help="A server to compare. Without it: emulators of this run.")
@click.option("--key", metavar="KEY", envvar="AUTUMN_SECRET_KEY", help="Secret key of an empty organisation there.")
@click.option(
    "--control-token",
    "token",
    metavar="TOKEN",
    envvar="AUTUMN_MOCK_CONTROL_TOKEN",
    help="The --control-token of that server, if it is an emulator.",
)
@click.option("--force", is_flag=True, help="Also in an organisation that is not empty. What is there is kept.")
@click.option("--suite", "names", metavar="NAME", multiple=True, help="Only this suite; repeatable.")
@click.option("--show", type=click.IntRange(0), default=20, show_default=True, help="Differences to show in full.")
@json_option
def fidelity(
    against: str | None,
    key: str | None,
    token: str | None,
    force: bool,
    names: tuple[str, ...],
    show: int,
    as_json: bool,
) -> None:
    """Play the shipped recordings of the real server, and cases of what it does, and print what differs.

    They are played against emulators of this run, or with --against and --key against any server that speaks Autumn,
    such as a sandbox of the real one. There everything is made in one organisation, and deleted afterwards, except
    customers without a valid id. What needs a second key, a clock that moves or a queue that fails is left out.

    Exit codes: 0 if everything matches, 1 if something differs, 2 for an organisation that is not empty.
    """
    from autumn_mock.cli.output import print_json
    from autumn_mock.control_client import ControlError
    from autumn_mock.fidelity.service import ServiceFailed
    from autumn_mock.fidelity.suites import SUITES

    by_name = {suite.name: suite for suite in SUITES}
    unknown = set(names) - by_name.keys()
    if unknown:
        raise click.UsageError(f"there is no suite {min(unknown)!r}; there are {', '.join(by_name)}")
    if against is not None and not key:
        raise click.UsageError("--against needs --key, the secret key of an empty organisation")
    suites = [suite for name, suite in by_name.items() if name in names or not names]
    try:
        url = read_url(against) if against is not None else None
        results = list(_play(suites, url, key or "", token, force=force))
    except ValueError as error:
        raise click.UsageError(f"--against: {error}") from None
    except (ServiceFailed, ControlError) as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        print_json({"suites": [_as_json(result) for result in results]})
    else:
        _print(results, show)
    if any(result.differing for result in results):
        raise SystemExit(1)


def _play(suites: list[Suite], url: str | None, key: str, token: str | None, *, force: bool) -> Iterator[Result]:
    from autumn_mock.cli.progress import loading_bar
    from autumn_mock.fidelity.suites import given_service, own_service, run

    if url is not None and not force:
        _require_empty(url, key, token)
    total, done = sum(suite.size for suite in suites), 0
    with loading_bar("autumn-mock: comparing", 0) as progress:

        def advance() -> None:
            nonlocal done
            done += 1
            progress(min(done, total), total)

        for suite in suites:
            with own_service(suite) if url is None else given_service(url, key, token) as service:
                yield run(suite, service, advance)


def _require_empty(url: str, key: str, token: str | None) -> None:
    from autumn_mock.fidelity.service import Service

    with Service(url, key, token) as service:
        found = {kind: len(ids) for kind, ids in service.content(key).items() if ids}
    if found:
        text = ", ".join(f"{kind}: {count}" for kind, count in found.items())
        raise click.UsageError(f"the organisation of --key is not empty ({text}); use an empty one, or --force")


def _as_json(result: Result) -> dict[str, Any]:
    def entries(found: list[Any]) -> list[dict[str, Any]]:
        return [{"name": each.name, "problems": each.problems} for each in found]

    return {
        "suite": result.suite.name,
        "matched": len(result.matched),
        "differing": entries(result.differing),
        "known": entries(result.known),
        "skipped": [{"name": each.name, "reason": each.skipped} for each in result.skipped],
    }


def _print(results: list[Result], show: int) -> None:
    from autumn_mock.fidelity.suites import kind_of, known

    click.echo(f"{'suite':18} {'match':>6} {'differ':>7} {'known':>6} {'left out':>9}")
    for result in results:
        counts = (len(result.matched), len(result.differing), len(result.known), len(result.skipped))
        click.echo(f"{result.suite.name:18} {counts[0]:6} {counts[1]:7} {counts[2]:6} {counts[3]:9}")
    skipped = Counter(each.skipped for result in results for each in result.skipped)
    for reason, count in skipped.most_common():
        click.echo(f"left out: {count} that need {reason}")
    differing = [each for result in results for each in result.differing]
    kinds = Counter(kind_of(each.problems[0]) for each in differing)
    if kinds:
        click.echo("\nwhat differs, by call and kind:")
    for kind, count in kinds.most_common():
        click.echo(f"{count:5}  {kind}")
    for each in differing[:show]:
        click.echo(f"\n{each.name}")
        for problem in each.problems[:_MOST_PROBLEMS]:
            click.echo(f"  {problem}")
    if len(differing) > show:
        click.echo(f"\n… and {len(differing) - show} more; see --show and --json")
    if any(result.known for result in results):
        click.echo(f"\nknown: {len(known())} artefacts of the recorded server, listed with their reasons in known.yaml")
