"""The pytest plugin: the fixture ``autumn_mock``, a fresh organisation on a server that all tests of a process share.

    def test_usage_is_charged(autumn_mock):
        client = MyClient(autumn_mock.url, autumn_mock.key)
        client.track("cus_123", "messages", 3)
        autumn_mock.assert_deducted("cus_123", "messages", 3)

A mark says what a test needs, and marks of a class or a module hold for all that is in it:

    @pytest.mark.autumn_mock(world="default", faults=["queue:down times=2"], now="2026-01-01", frozen=True)

pytest loads this module in every project where the package is installed, so nothing is imported before the fixture is
used.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from autumn_mock.testing.embedded import Emulator
    from autumn_mock.testing.mock import AutumnMock

_KNOWN = {"world", "faults", "now", "frozen"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the shared server, on the command line and in the ini file."""
    group = parser.getgroup("autumn-mock")
    group.addoption("--autumn-mock-world", metavar="NAME|FILE", help="what organisations of tests begin with")
    group.addoption("--autumn-mock-seed", metavar="N", help="seed for faults that draw at random and name none")
    group.addoption("--autumn-mock-rate-limit", metavar="LIMIT", help="requests to batch_track, like 10/second, or off")
    parser.addini(
        "autumn_mock_world", "what organisations of tests begin with: a shipped world or a file", default="default"
    )
    parser.addini("autumn_mock_rate_limit", "requests to batch_track, like 10/second, or off", default="10/second")


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line(
        "markers",
        "autumn_mock(world=None, faults=(), now=None, frozen=False): how the fixture autumn_mock begins",
    )


@pytest.fixture(scope="session")
def autumn_mock_server(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """The server that all tests of the process share; started when the first of them asks."""
    from autumn_mock.testing.embedded import Emulator

    option, ini = request.config.getoption, request.config.getini
    seed = option("--autumn-mock-seed")
    emulator = Emulator(
        world=option("--autumn-mock-world") or ini("autumn_mock_world"),
        rate_limit=option("--autumn-mock-rate-limit") or ini("autumn_mock_rate_limit"),
        seed=int(seed) if seed is not None else None,
    )
    emulator.start()
    yield emulator
    emulator.stop()


@pytest.fixture
def autumn_mock(request: pytest.FixtureRequest, autumn_mock_server: Emulator) -> Iterator[AutumnMock]:
    """An organisation of the test's own: see :class:`autumn_mock.testing.mock.AutumnMock`."""
    wishes = _wishes(request.node)
    mock = autumn_mock_server.fresh(wishes.get("world"))
    if wishes.get("now") is not None:
        mock.clock.set(wishes["now"])
    if wishes.get("frozen"):
        mock.clock.freeze()
    for rule in wishes.get("faults", ()):
        mock.fault(rule)
    yield mock
    autumn_mock_server.close_organisation(mock.organisation)


def _wishes(node: Any) -> dict[str, Any]:
    """What the marks of a test say, those nearest to it last; of faults, all."""
    wishes: dict[str, Any] = {}
    faults: list[str] = []
    for mark in reversed(list(node.iter_markers("autumn_mock"))):
        unknown = set(mark.kwargs) - _KNOWN
        if unknown or mark.args:
            what = ", ".join(sorted(unknown)) or "a value without a name"
            raise pytest.UsageError(f"the mark autumn_mock takes {', '.join(sorted(_KNOWN))}, and not {what}")
        wishes.update(mark.kwargs)
        faults += mark.kwargs.get("faults", ())
    return {**wishes, "faults": faults}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Show with a test that failed what its organisation went through."""
    report = yield
    mock = getattr(item, "funcargs", {}).get("autumn_mock")
    if mock is not None and report.when == "call" and report.failed:
        report.sections.append(("autumn-mock", mock.report()))
    return report
