"""What a setting refuses, however it is given: as a keyword, a field, an option or a variable."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from autumn_mock.cli import main
from autumn_mock.domain.record import LATEST
from autumn_mock.engine import Engine
from autumn_mock.input_files import InputFileError
from autumn_mock.settings import Settings, declarations, settings_of, variable
from autumn_mock.settings_keywords import SettingsKeywords

#: Texts that are not a secret.
BLANK = ["", " ", "\t", "\n", "a\nb", "é", "\x7f", " a"]
SECRETS = ("control_token", "webhook_secret", "key")
#: Settings whose text can be empty in no way.
TEXTS = (
    "host",
    "public_url",
    "tls_cert",
    "tls_key",
    "db",
    "world",
    "auto_org_like",
    "ready_file",
    *SECRETS,
    "webhook_url",
    "fault",
    "rate_limit",
    "payments",
)

Given = Callable[[Mapping[str, Any]], Any]


def _by_option(values: Mapping[str, Any]) -> None:
    _run(["serve", "--port", "0", *(f"--{name.replace('_', '-')}={value}" for name, value in values.items())], {})


def _by_variable(values: Mapping[str, Any]) -> None:
    _run(["serve", "--port", "0"], {variable(name): value for name, value in values.items()})


def _by_variable_of_exec(values: Mapping[str, Any]) -> None:
    _run(["exec", "--", "true"], {variable(name): value for name, value in values.items()})


def _run(arguments: list[str], env: Mapping[str, str]) -> None:
    result = CliRunner().invoke(main, arguments, env=env)
    assert result.exit_code == 2, result.output
    raise ValueError(result.output)


WAYS: dict[str, Given] = {
    "field": lambda values: Settings(**values),
    "keyword": lambda values: settings_of(None, **values),
    "engine": lambda values: Engine(**values),
    "option": _by_option,
    "variable": _by_variable,
    "variable of exec": _by_variable_of_exec,
}


#: A variable of keys that is blank is a list without an entry.
BLANKS = [
    (way, name, value)
    for way in WAYS
    for name in SECRETS
    for value in BLANK
    if name != "key" or "variable" not in way or value.strip()
]


@pytest.mark.parametrize(("way", "name", "value"), BLANKS)
def test_a_blank_secret_is_refused(way: str, name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name.replace("_", "[-_]")):
        WAYS[way]({name: value})


@pytest.mark.parametrize("way", ["field", "keyword", "option"])
@pytest.mark.parametrize("name", TEXTS)
def test_an_empty_text_is_refused(way: str, name: str) -> None:
    for value in ("", " "):
        with pytest.raises(ValueError, match="a rule begins" if name == "fault" else name.replace("_", "[-_]")):
            WAYS[way]({name: value})


def test_every_text_is_among_those() -> None:
    texts = {name for name, each in declarations().items() if isinstance(each["default"], str | tuple | None)}
    assert texts - {"seed", "now", "auto_org_idle"} == set(TEXTS)


@pytest.mark.parametrize(
    "line",
    [
        "keys: ['']",
        "keys: [' ']",
        "webhooks: [{url: 'http://a', secret: whsec_}]",
        "webhooks: [{url: 'http://a', secret: ''}]",
        "keys: [am_sk_test_]",
    ],
)
def test_a_blank_secret_is_refused_in_a_world(tmp_path: Path, line: str) -> None:
    path = tmp_path / "world.yaml"
    path.write_text(f"organisations:\n  - slug: acme\n    {line}\n")
    with pytest.raises(InputFileError, match=rf"{path.name}:3:.*must b"):
        Engine(world=str(path))


@pytest.mark.parametrize("value", ["-1", "9" * 5000, str(LATEST + 1), "9991-01-01", "0001-01-01T00:00:00+23:59"])
def test_a_time_beyond_the_calendar_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="now"):
        settings_of(now=value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("rate_limit", f"{'9' * 5000}/second"), ("workers", "9" * 5000), ("max_body", "9" * 5000), ("port", "9" * 5000)],
)
def test_a_number_of_thousands_of_digits_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name):
        WAYS["keyword"]({name: value})


def test_keywords_of_python_are_the_settings() -> None:
    assert list(SettingsKeywords.__annotations__) == [each.name for each in dataclasses.fields(Settings)]
