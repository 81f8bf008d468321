"""The pytest plugin: the fixture ``autumn_mock``, a new organisation on a server that all tests of a process share.

    def test_usage_is_charged(autumn_mock):
        client = MyClient(autumn_mock.url, autumn_mock.key)
        client.track("cus_123", "messages", 3)
        autumn_mock.assert_deducted("cus_123", "messages", 3)

A mark sets the initial state; marks of a class or a module apply to all their tests:

    @pytest.mark.autumn_mock(world="default", faults=["queue:down times=2"], now="2026-01-01", frozen=True)

pytest loads this module in every project in which the package is installed, so the package is imported only when the
fixture is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from autumn_mock.settings import Settings
    from autumn_mock.testing.embedded import Emulator
    from autumn_mock.testing.mock import AutumnMock

_KNOWN = {"world", "faults", "now", "frozen"}
#: The reports of the organisations of a test.
_REPORTS = pytest.StashKey[list["Callable[[], str]"]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the shared server, on the command line and in the ini file."""
    group = parser.getgroup("autumn-mock")
    group.addoption("--autumn-mock-world", metavar="NAME|FILE", help="initial state of the tests' organisations")
    group.addoption("--autumn-mock-seed", metavar="N", help="seed for random faults that name none")
    group.addoption(
        "--autumn-mock-rate-limit", metavar="LIMIT", help="rate limit of batch_track, like 10/second, or off"
    )
    parser.addini(
        "autumn_mock_world", "initial state of the tests' organisations: a shipped world or a file", default="default"
    )
    parser.addini("autumn_mock_rate_limit", "rate limit of batch_track, like 10/second, or off")


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark, and check the options."""
    config.addinivalue_line(
        "markers",
        "autumn_mock(world=None, faults=(), now=None, frozen=False): the initial state of the fixture autumn_mock",
    )
    if any(config.getoption(f"--autumn-mock-{name}") for name in ("world", "seed", "rate-limit")):
        from autumn_mock.input_files import InputFileError

        try:
            _read_world(config)
            _settings(config)
        except (ValueError, InputFileError) as error:
            raise pytest.UsageError(str(error)) from None


def _settings(config: pytest.Config) -> Settings:
    """The settings of the shared server."""
    from autumn_mock.settings import DEFAULT_RATE_LIMIT, settings_of

    seed = config.getoption("--autumn-mock-seed")
    return settings_of(
        port=0,
        world=_world(config),
        rate_limit=config.getoption("--autumn-mock-rate-limit")
        or config.getini("autumn_mock_rate_limit")
        or DEFAULT_RATE_LIMIT,
        seed=seed or None,
    )


def _world(config: pytest.Config) -> str:
    """The world's name or file; a path in the ini file is relative to that file."""
    option = config.getoption("--autumn-mock-world")
    if option:
        return str(option)
    named = str(config.getini("autumn_mock_world"))
    beside = config.inipath.parent / named if config.inipath is not None else None
    return str(beside) if beside is not None and beside.is_file() else named


def _read_world(config: pytest.Config) -> None:
    from autumn_mock.input_files import find_file
    from autumn_mock.worlds import read_world

    read_world(find_file("world", _world(config)))


@pytest.fixture(scope="session")
def autumn_mock_server(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """The server that all tests of the process share; started when it is first used."""
    from autumn_mock.testing.embedded import Emulator

    emulator = Emulator(_settings(request.config))
    emulator.start()
    yield emulator
    emulator.stop()


@pytest.fixture
def autumn_mock(request: pytest.FixtureRequest, autumn_mock_server: Emulator) -> Iterator[AutumnMock]:
    """A new organisation for the test: see :class:`autumn_mock.testing.mock.AutumnMock`."""
    from autumn_mock.faults.grammar import RuleError
    from autumn_mock.input_files import InputFileError

    state = _marked(request.node)
    problem = ""
    try:
        now = _instant(state["now"]) if state.get("now") is not None else None
        mock = autumn_mock_server.fresh(state.get("world"), now=now, frozen=bool(state.get("frozen")))
    except (ValueError, InputFileError) as error:
        problem = str(error)
    if problem:  # not within the except clause: pytest would print the cause, too
        pytest.fail(f"the mark autumn_mock: {problem}", pytrace=False)
    reports: list[Callable[[], str]] = request.node.stash.setdefault(_REPORTS, [])
    reports.append(mock.report)
    try:
        try:
            for rule in state["faults"]:
                mock.fault(rule)
        except RuleError as error:
            problem = str(error)
        if problem:
            pytest.fail(f"the mark autumn_mock: {problem}", pytrace=False)
        yield mock
    finally:
        last = mock.report()  # made before the organisation is deleted
        reports[reports.index(mock.report)] = lambda: last
        autumn_mock_server.close_organisation(mock.organisation)


def _instant(now: Any) -> int:
    """The time (ms) that a mark names. Raises :class:`ValueError`."""
    from autumn_mock.settings import read_instant

    try:
        return read_instant(str(now))
    except ValueError as error:
        raise ValueError(f"now {error}, not {now!r}") from None


def _marked(node: Any) -> dict[str, Any]:
    """The arguments of a test's marks; nearer marks override others, except for faults, which are combined."""
    state: dict[str, Any] = {}
    faults: list[str] = []
    for mark in reversed(list(node.iter_markers("autumn_mock"))):
        unknown = set(mark.kwargs) - _KNOWN
        if unknown or mark.args:
            what = ", ".join(sorted(unknown)) or "positional arguments"
            pytest.fail(
                f"the mark autumn_mock does not accept {what}; it accepts {', '.join(sorted(_KNOWN))}", pytrace=False
            )
        state.update(mark.kwargs)
        named = mark.kwargs.get("faults", ())
        faults += [named] if isinstance(named, str) else named
    return {**state, "faults": faults}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Add the report of its organisation to a failed test or fixture."""
    if call.excinfo is not None and not item.config.getoption("fulltrace", False):
        _hide_own_frames(call.excinfo)
    report = yield
    if report.failed:
        for make in item.stash.get(_REPORTS, []):
            report.sections.append(("autumn-mock", make()))
    return report


def _hide_own_frames(error: pytest.ExceptionInfo[BaseException]) -> None:
    """End the traceback at the test's own line when the fixture raised an error for its caller.

    ``__tracebackhide__`` would not do: the error is often raised by a module that the fixture calls. An error that no
    ``raise`` of the package made keeps all frames, and so do all errors with ``--full-trace``.
    """
    entries = error.traceback
    if not entries or not _module(entries[-1]).startswith("autumn_mock."):
        return
    if not str(entries[-1].statement).lstrip().startswith("raise "):
        return
    first = next((index for index, each in enumerate(entries) if _module(each).startswith("autumn_mock.testing.")), 0)
    kept: list[TracebackType] = []
    each: TracebackType | None = error.tb
    while each is not None and len(kept) < first:  # without a frame before it, it is the fixture's own set-up
        kept.append(each)
        each = each.tb_next
    shown: TracebackType | None = None
    for each in reversed(kept):
        shown = TracebackType(shown, each.tb_frame, each.tb_lasti, each.tb_lineno)
    if shown is not None:
        error.traceback = type(entries)(shown)


def _module(entry: Any) -> str:
    return str(entry.frame.f_globals.get("__name__", ""))
