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

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from autumn_mock.settings import Settings
    from autumn_mock.testing.embedded import Emulator
    from autumn_mock.testing.mock import AutumnMock

_KNOWN = {"world", "faults", "now", "frozen"}
#: What tells of the organisations that a test has.
_REPORTS = pytest.StashKey[list["Callable[[], str]"]]()


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
    """Make the mark known, and refuse options that nothing can be made of."""
    config.addinivalue_line(
        "markers",
        "autumn_mock(world=None, faults=(), now=None, frozen=False): how the fixture autumn_mock begins",
    )
    if any(config.getoption(f"--autumn-mock-{name}") for name in ("world", "seed", "rate-limit")):
        from autumn_mock.worlds import WorldError

        try:
            _read_world(config)
            _settings(config)
        except (ValueError, WorldError) as error:
            raise pytest.UsageError(str(error)) from None


def _settings(config: pytest.Config) -> Settings:
    """The settings of the shared server."""
    from autumn_mock.settings import settings_of

    seed = config.getoption("--autumn-mock-seed")
    return settings_of(
        port=0,
        world=_world(config),
        rate_limit=config.getoption("--autumn-mock-rate-limit") or config.getini("autumn_mock_rate_limit"),
        seed=seed or None,
    )


def _world(config: pytest.Config) -> str:
    """The world's name or file; one in the ini file counts from where that file is."""
    option = config.getoption("--autumn-mock-world")
    if option:
        return str(option)
    named = str(config.getini("autumn_mock_world"))
    beside = config.inipath.parent / named if config.inipath is not None else None
    return str(beside) if beside is not None and beside.is_file() else named


def _read_world(config: pytest.Config) -> None:
    from autumn_mock.worlds import find_world, read_world

    read_world(find_world(_world(config)))


@pytest.fixture(scope="session")
def autumn_mock_server(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """The server that all tests of the process share; started when the first of them asks."""
    from autumn_mock.testing.embedded import Emulator

    emulator = Emulator(_settings(request.config))
    emulator.start()
    yield emulator
    emulator.stop()


@pytest.fixture
def autumn_mock(request: pytest.FixtureRequest, autumn_mock_server: Emulator) -> Iterator[AutumnMock]:
    """An organisation of the test's own: see :class:`autumn_mock.testing.mock.AutumnMock`."""
    from autumn_mock.settings import read_instant

    wishes = _wishes(request.node)
    now = read_instant(str(wishes["now"])) if wishes.get("now") is not None else None
    mock = autumn_mock_server.fresh(wishes.get("world"), now=now, frozen=bool(wishes.get("frozen")))
    reports: list[Callable[[], str]] = request.node.stash.setdefault(_REPORTS, [])
    reports.append(mock.report)
    try:
        for rule in wishes["faults"]:
            mock.fault(rule)
        yield mock
    finally:
        last = mock.report()  # is forgotten with the organisation
        reports[reports.index(mock.report)] = lambda: last
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
        named = mark.kwargs.get("faults", ())
        faults += [named] if isinstance(named, str) else named
    return {**wishes, "faults": faults}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Show with a test that failed, or with a fixture around it, what its organisation went through."""
    report = yield
    if report.failed:
        for tell in item.stash.get(_REPORTS, []):
            report.sections.append(("autumn-mock", tell()))
    return report
