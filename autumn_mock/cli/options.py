"""Command-line options that several commands share: those made from the settings, and those of commands that ask a
running server."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from autumn_mock.settings import knobs, read_url, variable

if TYPE_CHECKING:
    _ParamType = click.ParamType[Any]
else:
    _ParamType = click.ParamType  # older releases of click know no type argument

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_URL = "http://127.0.0.1:2886"
#: Variables that may hold the key, the first one that is set wins. The first is that of Autumn's own SDKs.
KEY_VARIABLES = ("AUTUMN_SECRET_KEY", "AUTUMN_MOCK_KEY")


class _Read(_ParamType):
    """A value read by a function that raises :class:`ValueError` with what would fit."""

    def __init__(self, name: str, read: Callable[[str], Any]) -> None:
        self.name = name
        self._read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return self._read(value)
        except ValueError as error:
            self.fail(f"{value!r}: {error}", param, ctx)

    def split_envvar_value(self, rv: str) -> list[str]:
        return [part.strip() for part in rv.split(",") if part.strip()]


def setting_options(command: F) -> F:
    """Give a command an option for every knob."""
    for name, knob in reversed(list(knobs().items())):
        default = knob["default"]
        how: dict[str, Any] = (
            {"is_flag": True}
            if knob["flag"]
            else {
                "type": _Read(name, knob["read"]),
                "multiple": knob["many"],
                "metavar": knob["metavar"],
                "show_default": default not in (None, ()),
            }
        )
        command = click.option(
            f"--{name.replace('_', '-')}",
            name,
            default=default,
            envvar=variable(name),
            show_envvar=True,
            help=knob["help"],
            **how,
        )(command)
    return command


# -- asking a server


def asks_server(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command ``--url`` and ``--key``, and as its first argument the
    :class:`~autumn_mock.cli.client.Client` that they make. It connects when it is first asked."""
    key_text = "Concern the organisation of this secret key alone; without it, or with '': the whole server."

    @click.option(
        "--url",
        type=_Read("url", read_url),
        default=DEFAULT_URL,
        envvar="AUTUMN_MOCK_URL",
        show_envvar=True,
        show_default=True,
        metavar="URL",
        help="Where the server answers.",
    )
    @click.option(
        "--key", type=_Read("key", _key), envvar=KEY_VARIABLES, show_envvar=True, metavar="KEY", help=key_text
    )
    @click.option(
        "--control-token",
        envvar="AUTUMN_MOCK_CONTROL_TOKEN",
        show_envvar=True,
        metavar="TOKEN",
        help="What the server demands for its control API.",
    )
    @functools.wraps(command)
    def run(*arguments: Any, url: str, key: str | None, control_token: str | None, **options: Any) -> None:
        from autumn_mock.cli.client import Client

        with Client(url, key or None, control_token) as client:
            command(client, *arguments, **options)

    return run


def _key(value: str) -> str:
    """A key as it goes into a header. ``AUTUMN_MOCK_KEY`` may hold several, for ``serve``: the first is meant."""
    key = value.partition(",")[0].strip()
    if not key.isascii() or not key.isprintable():
        raise ValueError("a key has plain letters, digits and underscores")
    return key


# -- showing what it says


class ListOptions(NamedTuple):
    """How rows are to be shown."""

    as_json: bool
    #: Whether to go on with what is new.
    follow: bool
    #: After how many rows following ends; None: never.
    most: int | None


def json_option(command: F) -> F:
    """Give a command ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def limit_option(text: str, most: int | None = None) -> Callable[[F], F]:
    """A decorator that gives a command ``--limit``, from 1 to ``most``."""
    return click.option("--limit", type=click.IntRange(1, most), default=100, show_default=True, metavar="N", help=text)


def list_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command ``--json``, ``--follow`` and ``--count``; it gets them as ``looking``."""

    @click.option("--json", "as_json", is_flag=True, help="Print JSON; with --follow one object a line.")
    @click.option("--follow", "-f", is_flag=True, help="Print what is there, then what is new, until Ctrl-C.")
    @click.option("--count", type=click.IntRange(min=1), metavar="N", help="With --follow: end after so many.")
    @functools.wraps(command)
    def run(*arguments: Any, as_json: bool, follow: bool, count: int | None, **options: Any) -> None:
        if count is not None and not follow:
            raise click.UsageError("--count goes with --follow")
        command(*arguments, looking=ListOptions(as_json, follow, most=count), **options)

    return run
