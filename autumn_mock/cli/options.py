"""Options that several commands share: those of the settings, and those of commands that call a running server."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from autumn_mock.cli.settings_file import DEFAULT_URL, client_defaults, config_option
from autumn_mock.settings import declarations, read_token, read_url, variable

if TYPE_CHECKING:
    from autumn_mock.control_client import CallRefused, ControlClient

    _ParamType = click.ParamType[Any]
else:
    _ParamType = click.ParamType  # not generic in older releases of click

F = TypeVar("F", bound=Callable[..., Any])

#: Variables that may hold the key; the first one that is set is used. The first is that of Autumn's own SDKs.
KEY_VARIABLES = ("AUTUMN_SECRET_KEY", "AUTUMN_MOCK_KEY")


class _Read(_ParamType):
    """A value parsed by a function that raises :class:`ValueError` with what is possible."""

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


class _Secret(click.Option):
    """An option whose empty variable is read: click takes it for one that is not set, and the server would be open."""

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        found = super().resolve_envvar_value(ctx)
        return os.environ.get(str(self.envvar)) if found is None else found


def read_value(name: str, read: Callable[[str], Any]) -> _Read:
    """The type of an option or argument that a function parses."""
    return _Read(name, read)


class SettingsCommand(click.Command):
    """A command with an option for each setting. Help lists the limits in a section of their own."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read ``--auto-org like=KEY`` as ``--auto-org-like KEY``."""
        end = args.index("--") if "--" in args else len(args)
        own: list[str] = []
        for each in args[:end]:
            name, _, key = each.partition("like=")
            if key and name == "--auto-org=":
                own.append(f"--auto-org-like={key}")
            elif key and not name and own and own[-1] == "--auto-org":
                own[-1] = f"--auto-org-like={key}"
            else:
                own.append(each)
        return super().parse_args(ctx, own + args[end:])

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, and then the limits."""
        sections: dict[str, list[tuple[str, str]]] = {"Options": [], "Limits": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                sections["Limits" if parameter.name in _LIMITS else "Options"].append(record)
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl(records)


_LIMITS = {name for name, setting in declarations().items() if setting["limit"]}


def setting_options(command: F) -> F:
    """Give a command an option for each setting, and ``--config`` for a file with them."""
    for name, setting in reversed(list(declarations().items())):
        default = setting["default"]
        how: dict[str, Any] = (
            {"is_flag": True}
            if setting["flag"]
            else {
                "type": _Read(name, setting["read"]),
                "multiple": setting["many"],
                "metavar": setting["metavar"],
                "show_default": f"{default >> 20}MB" if setting["metavar"] == "SIZE" else default not in (None, ()),
            }
        )
        command = click.option(
            f"--{name.replace('_', '-')}",
            name,
            default=default,
            envvar=variable(name),
            cls=_Secret if setting["secret"] else click.Option,
            show_envvar=True,
            help=setting["help"],
            **how,
        )(command)
    return config_option(dict)(command)


# -- calling a server


def token_option(command: F) -> F:
    """Give a command ``--control-token``."""
    return click.option(
        "--control-token",
        type=_Read("control_token", read_token),
        envvar=variable("control_token"),
        show_envvar=True,
        metavar="TOKEN",
        help="The server's --control-token.",
    )(command)


def asks_server(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command ``--url``, ``--key`` and ``--control-token``, and ``--config`` for a file with them.

    Its first argument is the :class:`~autumn_mock.control_client.ControlClient` for these. Errors of that client end
    the command with exit code 1.
    """

    @click.option(
        "--url",
        type=_Read("url", read_url),
        default=DEFAULT_URL,
        envvar="AUTUMN_MOCK_URL",
        show_envvar=True,
        show_default=True,
        metavar="URL",
        help="URL of the server.",
    )
    @click.option(
        "--key",
        type=_Read("key", _key),
        envvar=KEY_VARIABLES,
        show_envvar=True,
        metavar="KEY",
        help="Limit the command to the organisation of this secret key. Without it, or with '': the whole server.",
    )
    @token_option
    @config_option(client_defaults)
    @functools.wraps(command)
    def run(*arguments: Any, url: str, key: str | None, control_token: str | None, **options: Any) -> None:
        from autumn_mock.control_client import CallRefused, ControlClient, ControlError

        try:
            with ControlClient(url, key or None, control_token) as client:
                command(client, *arguments, **options)
                if client.opened is not None:
                    click.echo(f"autumn-mock: the key had no organisation: opened {client.opened} for it", err=True)
        except ControlError as error:
            hint = _hint(error, key) if isinstance(error, CallRefused) else ""
            raise click.ClickException(f"{error}{hint}") from None

    return run


def concerned(client: ControlClient) -> str:
    """The organisations that a command applies to: ``organisation team-a``, or ``all 3 organisations``."""
    slugs = [row["slug"] for row in client.rows("/organisations")]
    return f"organisation {slugs[0]}" if len(slugs) == 1 else f"all {len(slugs)} organisations"


def _hint(error: CallRefused, key: str | None) -> str:
    """What to do in the words of the command line: the server speaks of headers."""
    if "x-autumn-mock-token" in str(error):
        return "; give it with --control-token, or in AUTUMN_MOCK_CONTROL_TOKEN"
    if "give the secret key" in str(error):
        return "; the option is --key"
    if key and error.status == 401:
        return "; use --key '' for the whole server"  # the key may be from a forgotten variable
    return ""


def _key(value: str) -> str:
    """A key that can be sent in a header. ``AUTUMN_MOCK_KEY`` may hold several, for ``serve``: the first is used."""
    key = value.partition(",")[0].strip()
    if not key.isascii() or not key.isprintable():
        raise ValueError("a key has only ASCII letters, digits, underscores and hyphens")
    return key


# -- lists


class ListOptions(NamedTuple):
    """How rows are printed."""

    as_json: bool
    #: Whether to continue with new rows.
    follow: bool
    #: After how many rows to stop following; None: never.
    limit: int | None


def json_option(command: F) -> F:
    """Give a command ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def limit_option(text: str, most: int | None = None) -> Callable[[F], F]:
    """A decorator that gives a command ``--limit``, from 1 to ``most``."""
    return click.option("--limit", type=click.IntRange(1, most), default=100, show_default=True, metavar="N", help=text)


def list_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command ``--json``, ``--follow`` and ``--count``, as one argument ``options``."""

    @click.option("--json", "as_json", is_flag=True, help="Print JSON; with --follow one object per line.")
    @click.option("--follow", "-f", is_flag=True, help="Print the present rows, then new ones, until Ctrl-C.")
    @click.option("--count", type=click.IntRange(min=1), metavar="N", help="With --follow: stop after N rows.")
    @functools.wraps(command)
    def run(*arguments: Any, as_json: bool, follow: bool, count: int | None, **others: Any) -> None:
        if count is not None and not follow:
            raise click.UsageError("--count requires --follow")
        command(*arguments, options=ListOptions(as_json, follow, limit=count), **others)

    return run
