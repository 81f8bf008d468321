"""``autumn-mock.toml`` and ``[tool.autumn-mock]`` of ``serve`` and ``exec``; variables and options override them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from autumn_mock.cli import main
from autumn_mock.cli.settings_file import defaults_of
from autumn_mock.settings import Settings, declarations
from tests.support.server import ServerProcess

#: For each setting: a value as a file has it, and the setting that it gives.
VALUES: dict[str, tuple[Any, Any]] = {
    "host": ("::1", "::1"),
    "port": (3000, 3000),
    "public_url": ("https://billing.example.test/", "https://billing.example.test"),
    "tls": (True, True),
    "tls_cert": ("cert.pem", "FOLDER/cert.pem"),
    "tls_key": ("key.pem", "FOLDER/key.pem"),
    "db": ("state.json", "FOLDER/state.json"),
    "world": ("mine.yaml", "FOLDER/mine.yaml"),
    "key": (["am_sk_test_a", "am_sk_test_b"], ("am_sk_test_a", "am_sk_test_b")),
    "auto_org": (True, True),
    "auto_org_like": ("am_sk_test_a", "am_sk_test_a"),
    "auto_org_idle": ("1h", 3_600_000),
    "rate_limit": ("off", "off"),
    "workers": (2, 2),
    "batch_status": (200, 200),
    "strict_versions": (True, True),
    "fault": ("reply:delay 1ms", ("reply:delay 1ms",)),
    "webhook_url": (["http://127.0.0.1:1/"], ("http://127.0.0.1:1/",)),
    "webhook_secret": ("whsec_YXV0", "whsec_YXV0"),
    "control_token": ("secret", "secret"),
    "fsync": (True, True),
    "max_body": ("1MB", 1 << 20),
    "max_queue": (5, 5),
    "max_events": (6, 6),
    "journal_requests": (7, 7),
    "journal_bodies": ("2MB", 2 << 20),
    "ready_file": ("ready", "FOLDER/ready"),
    "seed": (8, 8),
    "now": ("2026-01-31", 1_769_817_600_000),
    "frozen": (True, True),
    "payments": ("accept", "accept"),
}


def settings_of(folder: Path, arguments: list[str], **variables: str) -> Settings:
    """The settings of a command line in a folder."""
    serve = main.get_command(click.Context(main), "serve")
    assert serve is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, value in variables.items():
            patch.setenv(name, value)
        ctx = serve.make_context("serve", list(arguments))
    return Settings(**{name: ctx.params[name] for name in declarations()})


def written(folder: Path, text: str, name: str = "autumn-mock.toml") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize("name", declarations())
def test_each_setting_can_be_in_the_file(tmp_path: Path, name: str) -> None:
    value, expected = VALUES[name]
    (tmp_path / "mine.yaml").touch()
    path = written(tmp_path, f"{name.replace('_', '-')} = {json.dumps(value)}")
    found = getattr(settings_of(Path(tmp_path.anchor), ["--config", str(path)]), name)
    assert found == (expected.replace("FOLDER", str(tmp_path)) if isinstance(expected, str) else expected)
    assert found != declarations()[name]["default"]


@pytest.mark.parametrize("value", ["true", "1.5", "[]", "{}", "2026-01-31"])
@pytest.mark.parametrize("name", declarations())
def test_a_value_of_another_type_is_refused_with_what_the_setting_takes(tmp_path: Path, name: str, value: str) -> None:
    setting = declarations()[name]
    if (setting["flag"] and value == "true") or (setting["many"] and value == "[]"):
        return
    written(tmp_path, f"{name.replace('_', '-')} = {value}")
    with pytest.raises(click.UsageError) as caught:
        settings_of(tmp_path, [])
    message = caught.value.message.partition(f"{name.replace('_', '-')}: ")[2]
    if setting["flag"]:
        expected = "must be true or false"
    else:
        try:
            setting["read"](value)
            expected = "must be a string"
        except ValueError as error:
            expected = str(error).partition(value)[0]  # of those that name it
    assert expected in message


def test_the_file_of_the_working_directory_is_read(tmp_path: Path) -> None:
    written(tmp_path, "port = 3001")
    assert settings_of(tmp_path, []).port == 3001


def test_the_table_of_a_project_is_read(tmp_path: Path) -> None:
    written(tmp_path, '[project]\nname = "x"\n[tool.autumn-mock]\nport = 3002\n', "pyproject.toml")
    assert settings_of(tmp_path, []).port == 3002
    assert settings_of(tmp_path, ["--config", "pyproject.toml"]).port == 3002
    written(tmp_path, "port = 3003")
    assert settings_of(tmp_path, []).port == 3003


@pytest.mark.parametrize("text", ["", '[project]\nname = "autumn-mock-user"\n', "not TOML"])
def test_a_project_without_the_table_changes_nothing(tmp_path: Path, text: str) -> None:
    written(tmp_path, text, "pyproject.toml")
    assert settings_of(tmp_path, []) == Settings()


def test_a_variable_overrides_the_file_and_an_option_both(tmp_path: Path) -> None:
    written(tmp_path, 'workers = 2\nkey = ["am_sk_test_a"]')
    assert settings_of(tmp_path, []).workers == 2
    assert settings_of(tmp_path, [], AUTUMN_MOCK_WORKERS="3").workers == 3
    assert settings_of(tmp_path, ["--workers", "5"], AUTUMN_MOCK_WORKERS="3").workers == 5
    assert settings_of(tmp_path, ["--key", "am_sk_test_b"]).key == ("am_sk_test_b",)


def test_a_variable_names_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "workers = 6", "other.toml")
    assert settings_of(tmp_path, [], AUTUMN_MOCK_CONFIG=str(path)).workers == 6


def test_a_shipped_world_keeps_its_name(tmp_path: Path) -> None:
    assert defaults_of(tmp_path / "x.toml", {"world": "empty"})["world"] == "empty"
    (tmp_path / "empty").mkdir()
    assert defaults_of(tmp_path / "x.toml", {"world": "empty"})["world"] == "empty"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("prot = 1", "there is no setting 'prot', did you mean 'port'?"),
        ("port = 99999", "port: must be a number from 0 to 65535"),
        ("log = 'xml'", "log: must be text or json"),
        ("quiet = 1", "quiet: must be true or false"),
        ("port = 1.5", "port: must be a number from 0 to 65535"),
        ('auto-org = "yes"', "auto-org: must be true or false"),
        ("workers = true", "workers: must be a whole number of at least 1"),
        ('fault = ["reply:dely 1s"]', "reply:delay"),
        ("port = ", "Invalid value"),
        ("[port]\nnumber = 1", "port: must be a number from 0 to 65535"),
        ('control-token = ""', "control-token: must be a token"),
        ('key = ["", " "]', "key: invalid key"),
        ('webhook-secret = "whsec_"', "webhook-secret: must be whsec_"),
        (f"port = {'9' * 5000}", "integer"),
        (f"port = {'[' * 5000}{']' * 5000}", "nested too deep"),
        ("#" * (2 << 20), "larger than the limit of 1 MiB"),
    ],
)
def test_mistakes_name_the_file(tmp_path: Path, text: str, expected: str) -> None:
    path = written(tmp_path, text)
    result = CliRunner().invoke(main, ["serve", "--config", str(path)])
    assert result.exit_code == 2
    assert str(path) in result.output
    assert expected in result.output


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("missing.toml", None, "No such file"),
        ("pyproject.toml", "[tool.other]", "it has no table [tool.autumn-mock]"),
        ("pyproject.toml", "tool.autumn-mock = 1", "must be a table"),
    ],
)
def test_a_file_that_was_named_must_have_settings(tmp_path: Path, name: str, text: str | None, expected: str) -> None:
    path = written(tmp_path, text, name) if text is not None else tmp_path / name
    result = CliRunner().invoke(main, ["serve", "--config", str(path)])
    assert result.exit_code == 2
    assert expected in result.output


def client_of(folder: Path, *arguments: str, **variables: str) -> dict[str, Any]:
    """What a command that calls a server takes from a folder's file, the variables and its options."""
    command = main.get_command(click.Context(main), "failures")
    assert command is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in ("AUTUMN_MOCK_URL", "AUTUMN_SECRET_KEY", "AUTUMN_MOCK_KEY"):
            patch.delenv(name, raising=False)
        for name, value in variables.items():
            patch.setenv(name, value)
        values = command.make_context("failures", list(arguments)).params
    return {name: values[name] for name in ("url", "key", "control_token")}


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("", "http://127.0.0.1:2886"),
        ("port = 3000", "http://127.0.0.1:3000"),
        ("port = 0", "http://127.0.0.1:2886"),
        ("host = '0.0.0.0'", "http://127.0.0.1:2886"),
        ("host = '::'\nport = 3000", "http://[::1]:3000"),
        ("host = '10.1.2.3'\ntls = true", "https://10.1.2.3:2886"),
        ("tls-cert = 'cert.pem'", "https://127.0.0.1:2886"),
        ("url = 'https://billing.example.test'\nport = 3000", "https://billing.example.test"),
    ],
)
def test_commands_call_the_server_of_the_file(tmp_path: Path, text: str, url: str) -> None:
    written(tmp_path, text)
    assert client_of(tmp_path) == {"url": url, "key": None, "control_token": None}


def test_commands_take_the_token_of_the_file_and_no_key_unless_they_are_given(tmp_path: Path) -> None:
    written(tmp_path, "port = 3000\nkey = ['am_sk_test_a', 'am_sk_test_b']\ncontrol-token = 'secret'\nlog = 'json'")
    assert client_of(tmp_path) == {"url": "http://127.0.0.1:3000", "key": None, "control_token": "secret"}
    changed = client_of(tmp_path, AUTUMN_MOCK_PORT="3001", AUTUMN_MOCK_KEY="am_sk_test_c,am_sk_test_d")
    assert (changed["url"], changed["key"]) == ("http://127.0.0.1:3001", "am_sk_test_c")
    given = ("--url", "http://127.0.0.1:3003", "--key", "", "--control-token", "other")
    changed = client_of(tmp_path, *given, AUTUMN_MOCK_URL="http://127.0.0.1:3002")
    assert changed == {"url": "http://127.0.0.1:3003", "key": "", "control_token": "other"}
    assert client_of(tmp_path, AUTUMN_MOCK_URL="http://127.0.0.1:3002")["url"] == "http://127.0.0.1:3002"


@pytest.mark.parametrize(
    ("text", "variables", "expected"),
    [
        ("prot = 1", {}, "autumn-mock.toml: there is no setting 'prot', did you mean 'port'?"),
        ("url = 'billing'", {}, "autumn-mock.toml: url: must be a URL"),
        ("", {"AUTUMN_MOCK_PORT": "http"}, "AUTUMN_MOCK_PORT='http': must be a number"),
    ],
)
def test_commands_report_mistakes_of_the_file_and_the_variables(
    tmp_path: Path, text: str, variables: dict[str, str], expected: str
) -> None:
    written(tmp_path, text)
    with pytest.raises(click.UsageError) as caught:
        client_of(tmp_path, **variables)
    assert expected in str(caught.value)


def test_a_scenario_calls_the_server_of_the_file_with_its_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AUTUMN_MOCK_URL", raising=False)
    with ServerProcess("--control-token", "secret") as server:
        written(tmp_path, f"url = '{server.url}'\ncontrol-token = 'secret'")
        result = CliRunner().invoke(main, ["scenario", "run", "partial-failure"])
    assert result.exit_code == 0, result.output
    assert "starting one" not in result.output


def test_the_log_of_serve_can_be_in_the_file(tmp_path: Path) -> None:
    written(tmp_path, "log = 'json'\nquiet = true\nurl = 'http://127.0.0.1:1'")
    serve = main.get_command(click.Context(main), "serve")
    assert serve is not None
    ctx = serve.make_context("serve", ["--config", str(tmp_path / "autumn-mock.toml")])
    assert (ctx.params["log"], ctx.params["quiet"]) == ("json", True)


def test_exec_takes_a_free_port_whatever_the_file_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, "port = 1\nworld = 'empty'\nkey = 'am_sk_test_mine'")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["exec", "--", "sh", "-c", 'test "$AUTUMN_SECRET_KEY" = am_sk_test_mine'])
    assert result.exit_code == 0, result.output


def test_the_start_of_the_log_names_the_file(tmp_path: Path) -> None:
    written(tmp_path, "port = 0")
    with ServerProcess(cwd=tmp_path) as server:
        pass
    assert re.search(r"^  settings +autumn-mock\.toml$", server.stderr(), re.MULTILINE)
