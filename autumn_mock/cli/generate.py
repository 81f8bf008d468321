"""``autumn-mock generate``: customers with a past."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import click

from autumn_mock.cli.files import STANDARD, FileError, input_file, say, warn_if_shadowed
from autumn_mock.cli.options import json_option, read_value
from autumn_mock.clock import in_calendar, wall_clock
from autumn_mock.counting import count_in
from autumn_mock.durations import parse_duration
from autumn_mock.settings import Settings, read_instant

#: Fewer days of customers are made in an instant, and need no bar.
_MANY = 5_000
_MOST_CUSTOMERS, _MOST_DAYS, _MOST_EVENTS = 100_000, 730, 1000.0


def _end_of_past(value: str) -> int:
    """An instant (ms), or one before now: ``-3d``. Raises :class:`ValueError`."""
    if value.startswith("-"):
        with suppress(ValueError):
            return in_calendar(wall_clock() + parse_duration(value))
    try:
        return read_instant(value)
    except ValueError as error:
        raise ValueError(f"{error}, or a time before now, like -3d") from None


@click.command(short_help="Make customers with a past.")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@click.option(
    "--customers",
    type=click.IntRange(1, _MOST_CUSTOMERS),
    default=1000,
    show_default=True,
    metavar="N",
    help="How many customers there are at the end.",
)
@click.option(
    "--days",
    type=click.IntRange(1, _MOST_DAYS),
    default=90,
    show_default=True,
    metavar="N",
    help="How many days with events there are, until today.",
)
@click.option(
    "--events-per-day",
    type=click.FloatRange(0, _MOST_EVENTS),
    default=1.0,
    show_default=True,
    metavar="N",
    help="Events of an average customer on a working day.",
)
@click.option("--seed", default=1, show_default=True, metavar="N", help="The same seed, and --now, make the same data.")
@click.option(
    "--world",
    default="saas",
    show_default=True,
    metavar="NAME|FILE",
    help="Where the plans and features are from: a shipped world, a file, or -.",
)
@click.option(
    "--now",
    type=read_value("now", _end_of_past),
    metavar="INSTANT",
    help="When the past ends: ISO 8601, milliseconds since 1970, or a time before now, like -3d. Without it: now.",
)
@click.option("--force", is_flag=True, help="Replace an existing file.")
@json_option
def generate(
    file: str,
    customers: int,
    days: int,
    events_per_day: float,
    seed: int,
    world: str,
    now: int | None,
    force: bool,
    as_json: bool,
) -> None:
    """Make customers with plans, seats, invoices and past events, and write them to FILE; - is standard output.

    \b
    autumn-mock generate --customers 10000 --days 90 saas.json
    autumn-mock serve --db saas.json        continues with it
    autumn-mock serve --world saas.json     begins with it each time

    The use has the shape of working days and weeks in several time zones; some customers use far more than others,
    some change plans, some stop, some cards are declined.
    """
    from autumn_mock.cli.progress import loading_bar
    from autumn_mock.data.generating import Wanted, counts_of, generate
    from autumn_mock.input_files import InputFileError, find_file
    from autumn_mock.worlds import read_world

    if file != STANDARD and Path(file).exists() and not force:
        raise click.ClickException(f"{file} exists; choose another name, or replace it with --force")
    wanted = Wanted(customers, days, events_per_day, seed, wall_clock() if now is None else now)
    least = 0 if customers * days >= _MANY else days + 1
    warn_if_shadowed("world", world)
    try:
        with input_file(world) as path, loading_bar("autumn-mock: days", least) as progress:
            state, environment = generate(read_world(find_file("world", path)), wanted, progress)
    except InputFileError as error:
        raise FileError(str(error)) from None
    size = _write(file, state.snapshot())
    counts = counts_of([environment])
    _say_made(file, counts, size, as_json)


def _write(file: str, pieces: Iterable[bytes]) -> int:
    """Write the file; returns its size in bytes."""
    from autumn_mock.store.fileutil import PRIVATE, write_output

    size = 0

    def counted() -> Iterator[bytes]:
        nonlocal size
        for piece in pieces:
            size += len(piece)
            yield piece

    try:
        if file == STANDARD:
            with click.open_file(file, "wb") as target:
                target.writelines(counted())
        else:
            write_output(Path(file), counted(), PRIVATE)
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror or error}") from None
    return size


def most_events() -> int:
    """How many events a server keeps unless it is given another limit."""
    return Settings().max_events


def _say_made(file: str, counts: dict[str, int], size: int, as_json: bool) -> None:
    import json

    is_standard = file == STANDARD
    if as_json:
        say(json.dumps({**counts, "bytes": size, "file": file}), is_standard=is_standard)
        return
    more = f" --max-events {counts['events']}" if counts["events"] > most_events() else ""
    made = ", ".join(count_in(count, what) for what, count in counts.items())
    text = f"wrote {made}" + ("" if is_standard else f" to {file}; start with: autumn-mock serve --db {file}{more}")
    say(text, is_standard=is_standard)
