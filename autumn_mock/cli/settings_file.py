"""Settings from a file: ``autumn-mock.toml``, or the table ``[tool.autumn-mock]`` of ``pyproject.toml``.

Names are those of the options without their dashes: ``rate-limit = "off"``. An option and a variable override the file.
Paths are relative to the file.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from autumn_mock.cli.variables import unknown_variables
from autumn_mock.input_files import guess, shipped_files
from autumn_mock.settings import declarations, read_url, variable

F = TypeVar("F", bound=Callable[..., Any])

#: Files that are read without ``--config``, in the working directory; the first one with settings.
OWN_NAME, PROJECT_NAME = "autumn-mock.toml", "pyproject.toml"
_TABLE = "[tool.autumn-mock]"
LOG_FORMATS = ("text", "json")
DEFAULT_URL = "http://127.0.0.1:2886"
#: Where this machine reaches a server that listens on all addresses.
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # compared, not listened on


def _log_format(value: str) -> str:
    if value not in LOG_FORMATS:
        raise ValueError(f"must be {' or '.join(LOG_FORMATS)}")
    return value


#: What a file may have besides the settings: the ``--url`` of commands that call a server, and options of ``serve``.
_FURTHER: Mapping[str, Mapping[str, Any]] = {
    "url": {"read": read_url, "many": False, "flag": False},
    "log": {"read": _log_format, "many": False, "flag": False},
    "quiet": {"read": str, "many": False, "flag": True},
}
#: Where click's context has the name of the file.
SETTINGS_FILE = "autumn_mock.settings_file"
#: Settings that are paths.
_PATHS = ("db", "ready_file", "tls_cert", "tls_key")
#: Standard input or output.
_STANDARD = "-"
#: The size of the largest file that is read.
_MAX_BYTES = 1 << 20


def client_defaults(values: Mapping[str, Any]) -> dict[str, Any]:
    """What commands that call a server take from the values of a file: ``url`` and ``control_token``.

    Not ``key``, which is what ``serve`` adds: a command would apply to the first of them only. Without ``url``, that of
    the server that ``serve`` starts with this file, and with the variables, on this machine.
    """
    found = {name: values[name] for name in ("url", "control_token") if name in values}
    if "url" not in found:
        url = _url_of({name: _given(name, values) for name in ("host", "port", "tls", "tls_cert")})
        found |= {"url": url} if url is not None else {}
    return found


def _given(name: str, values: Mapping[str, Any]) -> Any:
    """A setting as its variable or the file has it; None if neither does. The command fails for an invalid variable."""
    text = os.environ.get(variable(name))
    if not text:
        return values.get(name)
    try:
        return declarations()[name]["read"](text)
    except ValueError as error:
        raise click.UsageError(f"{variable(name)}={text!r}: {error}") from None


def _url_of(values: Mapping[str, Any]) -> str | None:
    """The URL at which this machine reaches a server with these settings; None if they say nothing of it."""
    port = values["port"]
    is_known = port is None or int(port) != 0  # 0 is any free one
    if not is_known or all(each is None for each in values.values()):
        return None
    known = declarations()
    host = values["host"] or known["host"]["default"]
    host = EVERYWHERE.get(host, host)
    scheme = "https" if values["tls"] or values["tls_cert"] else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port or known['port']['default']}"


def config_option(chosen: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Callable[[F], F]:
    """A decorator that gives a command ``--config``. It is read first, so that other options have defaults from it.

    ``chosen`` returns the defaults of the command's options from the values of the file, which may be none. Variables
    that nothing reads are reported on standard error, except by a command with a log, which does that itself.
    """

    def read_defaults(ctx: click.Context, _parameter: click.Parameter, name: str | None) -> None:
        found = _named(Path(name)) if name is not None else _in_working_directory()
        ctx.default_map = dict(chosen(defaults_of(*found) if found is not None else {}))
        if not ctx.resilient_parsing and all(each.name != "log" for each in ctx.command.params):
            for warning in unknown_variables():
                click.echo(f"autumn-mock: warning: {warning}", err=True)
        if found is not None:
            ctx.meta[SETTINGS_FILE] = str(found[0])

    return click.option(
        "--config",
        type=click.Path(dir_okay=False),
        is_eager=True,
        expose_value=False,
        callback=read_defaults,
        envvar="AUTUMN_MOCK_CONFIG",
        show_envvar=True,
        metavar="FILE",
        help=f"Settings in TOML. Without it: {OWN_NAME}, or {_TABLE} of {PROJECT_NAME}, in the working directory.",
    )


def _named(path: Path) -> tuple[Path, Mapping[str, Any]]:
    table = _project_table(path) if path.name == PROJECT_NAME else _parse(path)
    if table is None:
        raise click.UsageError(f"{path}: it has no table {_TABLE}")
    return path, table


def _in_working_directory() -> tuple[Path, Mapping[str, Any]] | None:
    own, project = Path(OWN_NAME), Path(PROJECT_NAME)
    if own.is_file():
        return own, _parse(own)
    # Most projects have no such table: their file is parsed only if it could have one.
    try:
        if not project.is_file() or b"autumn-mock" not in project.read_bytes():
            return None
    except OSError as error:
        raise click.UsageError(f"{project}: {error.strerror}") from None
    table = _project_table(project)
    return (project, table) if table is not None else None


def _project_table(path: Path) -> Mapping[str, Any] | None:
    tools = _parse(path).get("tool")
    table = tools.get("autumn-mock") if isinstance(tools, Mapping) else None
    if table is not None and not isinstance(table, Mapping):
        raise click.UsageError(f"{path}: tool.autumn-mock: must be a table")
    return table


def _parse(path: Path) -> Mapping[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise click.UsageError(f"{path}: larger than the limit of {_MAX_BYTES >> 20} MiB")
        return tomllib.loads(content.decode())
    except OSError as error:
        raise click.UsageError(f"{path}: {error.strerror}") from None
    except RecursionError:
        raise click.UsageError(f"{path}: nested too deep") from None
    except ValueError as error:  # not TOML, or not UTF-8
        raise click.UsageError(f"{path}: {error}") from None


def defaults_of(path: Path, table: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a table by the names of the settings, checked. Raises :class:`click.UsageError`."""
    known = {**declarations(), **_FURTHER}
    values: dict[str, Any] = {}
    for written, value in table.items():
        name = written.replace("-", "_")
        if name not in known:
            near = guess(written, [each.replace("_", "-") for each in known])
            raise click.UsageError(f"{path}: there is no setting {written!r}{near}")
        try:
            values[name] = _value(known[name], value)
        except ValueError as error:
            raise click.UsageError(f"{path}: {written}: {error}") from None
    for name in _PATHS:
        if values.get(name, _STANDARD) != _STANDARD:
            values[name] = str(path.parent / values[name])
    world = values.get("world", _STANDARD)
    if world != _STANDARD and world not in shipped_files("world") and (path.parent / world).exists():
        values["world"] = str(path.parent / world)
    return values


def _value(setting: Mapping[str, Any], value: Any) -> Any:
    """The value of one setting: what its option would take. Raises :class:`ValueError`."""
    if setting["many"]:
        return [_text(setting, each) for each in (value if isinstance(value, list) else [value])]
    if setting["flag"]:
        if not isinstance(value, bool):
            raise ValueError("must be true or false")
        return value
    return _text(setting, value)


def _text(setting: Mapping[str, Any], value: Any) -> str:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    text = str(value).lower() if isinstance(value, bool) else str(value)
    setting["read"](text)  # which says what the setting takes
    if not isinstance(value, str) and not is_whole:
        raise ValueError("must be a string")
    return text
