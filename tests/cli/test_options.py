"""What is common to all commands that ask a server."""

from __future__ import annotations

from tests.support.server import ServerProcess

from .conftest import Run, runner, text_of


def test_a_refusal_names_the_option(run: Run) -> None:
    assert "; the option is --key" in text_of(run("org", "name", "--slug", "a"), code=1)
    assert "; use --key '' for the whole server" in text_of(run("stats", "--key", "am_sk_test_wrong"), code=1)
    with ServerProcess("--control-token", "secret") as guarded:
        refused = text_of(runner(guarded.url)("stats"), code=1)
        assert "; give it with --control-token" in refused
        wrong = text_of(runner(guarded.url)("stats", "--control-token", "other"), code=1)
        assert "The token in x-autumn-mock-token is not that of this server's control API; give it with" in wrong
        assert "offered" in text_of(runner(guarded.url)("stats", "--control-token", "secret"))
