"""The main command and its help."""

from __future__ import annotations

import re
import subprocess
import sys
from types import ModuleType

import click
import pytest

import autumn_mock
from autumn_mock import cli
from autumn_mock.cli import main
from autumn_mock.cli.options import asks_server

from .conftest import Run, text_of


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["-h"], ["fault", "--help"], ["balances", "--help"]])
def test_help_does_not_import_large_libraries(arguments: list[str]) -> None:
    script = (
        "import sys, runpy\n"
        f"sys.argv = ['autumn-mock', *{arguments!r}]\n"
        "try: runpy.run_module('autumn_mock', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "print({'flask', 'httpx', 'rich', 'limits', 'tinydb'} & set(sys.modules) or 'nothing')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.endswith("nothing\n")


def test_help_lists_every_command_under_a_heading(run: Run) -> None:
    text = text_of(run("--help"))
    assert "Inject failures:" in text
    for name in main.list_commands(click.Context(main)):
        assert re.search(rf"^  {name} +\w", text, re.MULTILINE)


def test_new_command_is_a_module_and_a_line_in_sections(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("autumn_mock.cli.version")
    vars(module)["version"] = click.command(short_help="Print the version.")(
        asks_server(lambda client: click.echo(client.get("/health")["version"]))
    )
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(cli.SECTIONS["Run"], "version", "version:version")
    assert re.search("^  version +Print the version.$", text_of(run("--help")), re.MULTILINE)
    assert text_of(run("version")) == f"{autumn_mock.__version__}\n"
