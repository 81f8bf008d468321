"""The main command and its help."""

from __future__ import annotations

import re
import subprocess
import sys

import click
import pytest

from autumn_mock.cli import main

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
