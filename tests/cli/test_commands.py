"""Commands for the control API's own calls, each with its output."""

from __future__ import annotations

import json
import re
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from autumn_mock import Emulator
from autumn_mock.cli import main
from autumn_mock.input_files import shipped_files
from tests.support.client import DEFAULT_KEY
from tests.support.server import ServerProcess
from tests.webhooks.receiver import Receiver

from .conftest import ONE, Run, document, runner, send, text_of

INSTANT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
NOWHERE = runner("http://127.0.0.1:9")

# -- clock


def test_clock_shows_and_moves_the_time(run: Run, server: ServerProcess) -> None:
    assert server
    assert re.fullmatch(f"{INSTANT}\n", text_of(run("clock")))
    assert re.fullmatch(f"{INSTANT}, 1d ahead\n", text_of(run("clock", "advance", "1d")))
    assert re.fullmatch(f"{INSTANT}, frozen, .* ahead\n", text_of(run("clock", "freeze")))
    assert text_of(run("clock", "set", "2026-01-31")).startswith("2026-01-31T00:00:00.000Z, frozen, ")
    assert text_of(run("clock", "advance", "1month")).startswith("2026-02-28T00:00:00.000Z, frozen, ")
    assert "frozen" not in text_of(run("clock", "unfreeze"))
    assert text_of(run("clock", "advance", "next-reset")) > "2026"
    assert document(run("clock", "reset", "--json"))["ahead"] == pytest.approx(0, abs=1000)
    assert document(run("clock", "--json"))["frozen"] is False


def test_clock_reports_what_it_cannot_do(run: Run, server: ServerProcess) -> None:
    assert server
    assert "write 90m, 1d, 1h30m, 250ms, 1month or next-reset" in text_of(run("clock", "advance", "P1M"), code=1)
    assert "must be an instant like 2026-01-31" in text_of(run("clock", "set", "yesterday"), code=1)


# -- reset


def test_reset_returns_to_the_world(run: Run, server: ServerProcess) -> None:
    send(server, ONE)
    assert re.fullmatch("reset organisation autumn-mock; cleared .*1 event,.*\n", text_of(run("reset")))
    assert server.balance("cus_123") == 1100
    assert document(run("reset", "--json", "--key", DEFAULT_KEY))["cleared"]


# -- webhooks


def test_webhooks_add_trigger_list_and_resend(run: Run, server: ServerProcess) -> None:
    with Receiver() as receiver:
        assert "no webhooks were sent" in text_of(run("webhooks"))
        assert text_of(run("webhooks", "add", receiver.url)) == f"webhooks are sent to {receiver.url}\n"
        text = text_of(run("webhooks", "trigger", "balances.limit_reached", "cus_123", "--feature", "seats"))
        assert text.startswith('sent balances.limit_reached {"customer_id": "cus_123", "feature_id": "seats"')
        assert server.ask("/_mock/drain", {"webhooks": True}, None)["drained"]
        receiver.get().verify()
        lines = text_of(run("webhooks", "list")).splitlines()
        assert lines[1].split()[1:6] == ["balances.limit_reached", "cus_123", "delivered", "1", "204"]
        [found] = document(run("webhooks", "--json"))["list"]
        assert text_of(run("webhooks", "resend", found["id"])) == f"{found['id']} is sent again to 1 endpoints\n"
        assert receiver.get().headers["svix-id"] == found["id"]
    assert "There is no webhook msg_x" in text_of(run("webhooks", "resend", "msg_x"), code=1)
    assert "balances.limit_reached" in text_of(run("webhooks", "trigger", "limit", "cus_123"), code=2)


# -- world


def test_world_init_check_and_serve(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    assert text_of(NOWHERE("world", "init", str(file))).startswith(f"wrote {file}; check it with: autumn-mock world")
    checked = text_of(NOWHERE("world", "check", str(file)))
    assert (
        checked
        == f"{file} is valid: 1 organisation, 3 keys, 12 features, 2 plans, 5 customers, 16 balances, 0 events\n"
    )
    assert "exists; choose another name, or replace it with --force" in text_of(
        NOWHERE("world", "init", str(file)), code=1
    )
    assert text_of(NOWHERE("world", "init", str(file), "--force"))
    line, _, written = file.read_text("utf-8").partition("\n")
    assert line.startswith("# yaml-language-server: $schema=")
    assert text_of(NOWHERE("world", "init", "-")) == text_of(NOWHERE("world", "show")) == written
    file.write_text("organisations:\n  - slug: mine\n    featurs: []\n")
    assert f"{file}:3" in text_of(NOWHERE("world", "check", str(file)), code=2)


@pytest.mark.parametrize("name", shipped_files("world"))
def test_shipped_worlds_are_listed_shown_and_valid(name: str) -> None:
    assert name in [each["name"] for each in document(NOWHERE("world", "list", "--json"))["list"]]
    assert f"{name} " in text_of(NOWHERE("world", "list"))
    assert text_of(NOWHERE("world", "show", name)).startswith("#")
    assert document(NOWHERE("world", "check", name, "--json"))["organisations"] >= 1


def test_world_save_is_a_world(run: Run, server: ServerProcess, tmp_path: Path) -> None:
    assert server
    file = str(tmp_path / "state.json")
    assert re.fullmatch(rf"saved organisation autumn-mock in {file}, \d+ bytes\n", text_of(run("world", "save", file)))
    assert document(NOWHERE("world", "check", file, "--json"))["customers"] == 5
    assert "did you mean 'default'?" in text_of(NOWHERE("world", "show", "defualt"), code=2)


# -- standard input and output


def piped(content: str, *arguments: str, url: str = "http://127.0.0.1:9") -> Any:
    from click.testing import CliRunner

    env = {"AUTUMN_MOCK_URL": url, "AUTUMN_SECRET_KEY": None, "AUTUMN_MOCK_KEY": None}
    return CliRunner().invoke(main, arguments, input=content, env=env, prog_name="autumn-mock")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
@pytest.mark.parametrize(
    "words",
    [["snapshot", "save", "FILE.json"], ["world", "save", "FILE.yaml"], ["generate", "FILE.json"]],
    ids=" ".join,
)
def test_new_files_with_customers_are_private(run: Run, tmp_path: Path, words: list[str]) -> None:
    *command, name = words
    more = ("--customers", "1", "--days", "1") if command == ["generate"] else ("--key", DEFAULT_KEY)
    text_of(run(*command, str(tmp_path / name), *more))
    assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_snapshot_is_piped(run: Run, server: ServerProcess) -> None:
    saved = run("snapshot", "save", "-")
    assert json.loads(saved.stdout)["organisations"]
    assert re.fullmatch(r"saved organisation autumn-mock in -, \d+ bytes\n", saved.stderr)
    send(server, ONE)
    assert text_of(piped(saved.stdout, "snapshot", "load", "-", url=server.url)).startswith(
        "loaded into organisation autumn-mock: 12 features, "
    )
    assert server.balance("cus_123") == 1100


def test_worlds_and_scenarios_are_read_from_standard_input() -> None:
    world = text_of(NOWHERE("world", "show", "empty"))
    assert text_of(piped(world, "world", "check", "-")).startswith("- is valid: 1 organisation")
    assert "standard input:1:1: orgs" in text_of(piped("orgs: []", "world", "check", "-"), code=2)
    scenario = shipped_files("scenario")["retry-after-202"].read_text("utf-8")
    assert "steps, world default" in text_of(piped(scenario, "scenario", "check", "-"))
    assert "standard input:1" in text_of(piped("titel: x", "scenario", "check", "-"), code=2)


# -- scenario


@pytest.mark.parametrize("name", shipped_files("scenario"))
def test_scenario_check_prints_the_steps(name: str) -> None:
    lines = text_of(NOWHERE("scenario", "check", name)).splitlines()
    steps = document(NOWHERE("scenario", "check", name, "--json"))["steps"]
    assert len(lines) == len(steps) + 1


# -- organisations


def test_org_opens_names_lists_and_closes(run: Run, server: ServerProcess) -> None:
    assert server
    key = text_of(run("org", "open", "--slug", "team-a", "--name", "Team A")).strip()
    assert key.startswith("am_sk_test_")
    assert text_of(run("org", "name", "--key", key, "--slug", "team-b")).endswith(": team-b, Team A\n")
    lines = text_of(run("org")).splitlines()
    assert lines[0].split()[:3] == ["slug", "id", "name"]
    assert any(line.startswith("team-b ") and "on demand" in line for line in lines)
    assert [each["slug"] for each in document(run("org", "list", "--json"))["list"]] == ["autumn-mock", "team-b"]
    assert text_of(run("org", "close", "--key", key)).startswith("closed team-b: deleted 6 features, ")
    assert "Give its name" in run("org", "close").stderr
    opened = document(run("org", "open", "--json", "--with-key", "am_sk_test_mine", "--world", "empty"))
    assert opened["key"] == "am_sk_test_mine"


# -- watch


def test_watch_prints_each_change_as_a_line(run: Run, server: ServerProcess) -> None:
    send(server, ONE)
    line = text_of(run("watch", "cus_123", "--count", "1"))
    assert line.startswith("offered 1; refused 0; accepted 1; waiting 0; in flight 0; deducted 1; lost 0; cus_123: ")
    assert "messages 1099" in line
    state = document(run("watch", "--count", "1", "--json"))
    assert (state["deducted"], list(state["balances"])) == (1, ["cus_123"])


def test_watch_needs_a_server() -> None:
    assert "no server is listening" in text_of(NOWHERE("watch"), code=1)


# -- about


def test_help_and_version_are_words(run: Run) -> None:
    assert text_of(run("help")) == text_of(run("--help"))
    assert text_of(run("help", "fault", "partial")) == text_of(run("fault", "partial", "--help"))
    assert text_of(run("version")) == text_of(run("--version"))
    assert "there is no command 'overload'" in text_of(run("help", "overload"), code=2)
    assert "Exit codes:" in text_of(run("help"))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(shell: str) -> None:
    assert "_AUTUMN_MOCK_COMPLETE" in text_of(NOWHERE("completion", shell))
    if shell == "bash":
        env = {"_AUTUMN_MOCK_COMPLETE": "bash_complete", "COMP_WORDS": "autumn-mock clo", "COMP_CWORD": "1"}
        assert text_of(NOWHERE(**env)) == "plain,clock\n"


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command that is not a group."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        assert below is not None
        yield from leaves(below, (*path, name))


COMMANDS = list(leaves(main))
#: Those whose output is a program's, a file's, always JSON, or their help.
WITHOUT_JSON = {("serve",), ("exec",), ("help",), ("version",), ("completion",), ("world", "show"), ("world", "init")}
WITHOUT_JSON |= {("world", "schema"), ("scenario", "schema")}


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=[" ".join(path) for path, _ in COMMANDS])
def test_every_command_has_help_and_json(path: tuple[str, ...], command: click.Command) -> None:
    text = text_of(NOWHERE(*path, "--help")) if path != ("help",) else ""
    assert ("--json" in text) is (path not in WITHOUT_JSON)
    assert command.get_short_help_str()


def _takes_url(command: click.Command) -> bool:
    return not isinstance(command, click.Group) and any("--url" in each.opts for each in command.params)


@pytest.mark.parametrize("path", [path for path, command in COMMANDS if _takes_url(command)], ids=" ".join)
def test_shared_options_may_be_before_the_command(path: tuple[str, ...]) -> None:
    shared = ("--url", "http://127.0.0.1:9", "--control-token=x")
    for place in range(len(path)):
        text = text_of(NOWHERE(*path[:place], *shared, *path[place:], "--help"))
        assert text.startswith(f"Usage: autumn-mock {' '.join(path)} ")


@pytest.mark.usefixtures("server")
def test_shared_options_may_be_before_a_rule(run: Run) -> None:
    for words in (["fault", "--key", "", "queue:down", "times=1"], ["fault", "--key", "", "500", "--times", "1"]):
        assert "armed" in text_of(run(*words))
    assert len(document(run("fault", "--json", "list"))["list"]) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--port", "80x"], "must be a number from 0 to 65535"),
        (["--workers", "many"], "must be a whole number of at least 1"),
        (["--max-queue", "-1"], "must be a whole number of at least 1"),
        (["--seed", "x"], "must be a whole number"),
        (["--now", "yesterday"], "must be an instant like 2026-01-31"),
        (["--max-body", "big"], "must be a size like 500KB"),
        (["--auto-org-idle", "x"], "is not a duration; write 90m"),
        (["--fault", "queue:down times=x"], "not a number"),
        (["--webhook-secret", "x"], "must be whsec_ and then base64"),
    ],
)
def test_options_explain_themselves_without_the_words_of_python(options: list[str], message: str) -> None:
    text = text_of(NOWHERE("serve", *options), code=2)
    assert message in text
    assert not re.search(r"invalid literal|isoformat|could not convert|base 10", text)


def test_interrupted_command_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("autumn_mock.cli.demo.own_server", interrupt)
    assert NOWHERE("demo", "retry-after-202").exit_code == 130


# -- payment-method


def test_payment_method_changes_how_a_customer_pays(run: Run, server: ServerProcess) -> None:
    assert text_of(run("payment-method", "cus_123", "declines")) == "cus_123 has a card that is declined\n"
    assert server.get("/_mock/customers/cus_123").body["payment_method"] == "declines"
    answer = document(run("payment-method", "cus_123", "none", "--json"))
    assert answer == {"customer_id": "cus_123", "payment_method": "none"}
    assert "Customer cus_x not found" in text_of(run("payment-method", "cus_x", "ok"), code=1)
    assert "needs_3ds" in text_of(run("payment-method", "cus_123", "gold"), code=2)


# -- organisations


def test_org_close_takes_a_name_and_needs_one(run: Run, server: ServerProcess) -> None:
    """The list masks keys: what it shows must be enough to close an organisation."""
    assert server
    text_of(run("org", "open", "--slug", "team-a"))
    opened = text_of(run("org", "open", "--with-key", "am_sk_test_team_b")).strip()
    assert "closed team-a: deleted " in text_of(run("org", "close", "team-a"))
    assert "closed org-" in text_of(run("org", "close", "--key", opened))
    assert [each["slug"] for each in document(run("org", "--json"))["list"]] == ["autumn-mock"]
    assert "There is no environment team-a" in text_of(run("org", "close", "team-a"), code=1)


def test_org_close_does_not_take_a_key_from_a_variable(run: Run, server: ServerProcess) -> None:
    """The variable of SDKs is often set in a shell, and closing cannot be undone."""
    assert server
    key = text_of(run("org", "open", "--slug", "team-a")).strip()
    refused = run("org", "close", AUTUMN_SECRET_KEY=key)
    assert (refused.exit_code, "Give its name" in refused.stderr) == (2, True)
    listed = text_of(run("org", AUTUMN_SECRET_KEY=key))
    assert "autumn-mock " not in listed
    assert listed.endswith("Only the organisation of the key; --key '' lists all.\n")
    assert len(document(run("org", "--json"))["list"]) == 2


def test_snapshot_says_whose_state_it_is_and_what_a_load_closes(
    run: Run, server: ServerProcess, tmp_path: Path
) -> None:
    assert server
    key = text_of(run("org", "open", "--slug", "team-a", "--world", "empty")).strip()
    one, whole = str(tmp_path / "one.json"), str(tmp_path / "all.json")
    assert text_of(run("snapshot", "save", whole)).startswith("saved all 2 organisations in ")
    assert text_of(run("snapshot", "save", one, "--key", key)).startswith("saved organisation team-a in ")
    assert text_of(run("snapshot", "load", one, "--key", key)) == "loaded into organisation team-a: no data\n"
    assert text_of(run("snapshot", "load", one)) == (
        f"loaded into organisation team-a: no data\nclosed, because {one} does not have them: autumn-mock\n"
    )
    assert text_of(run("snapshot", "load", whole)).startswith("loaded into all 2 organisations: 12 features, ")


def test_findings_say_how_many_requests_they_judged(run: Run, server: ServerProcess) -> None:
    assert text_of(run("findings")).startswith("no findings: no request since the server started; ")
    send(server, ONE)
    assert re.fullmatch(r"no findings in 1 request since \d{4}-\d\d-\d\d [\d:]{8} UTC\n", text_of(run("findings")))


@pytest.mark.parametrize("command", [("queue", "pause"), ("reset",)])
def test_command_that_opens_an_organisation_says_so(command: tuple[str, ...]) -> None:
    """Also when it asks the server more than once: the key may be mistyped."""
    with Emulator(auto_org=True) as mock:
        done = runner(mock.url)(*command, "--key", "am_sk_test_mistyped")
        assert done.exit_code == 0
        assert re.search(r"autumn-mock: the key had no organisation: opened org-\w+ for it\n", done.stderr)
        assert "opened" not in runner(mock.url)(*command, "--key", "am_sk_test_mistyped").stderr
