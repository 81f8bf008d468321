"""The pytest plugin: reports of failed tests, marks, options, isolation, and what it imports."""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
import textwrap
import threading
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import autumn_mock

pytest_plugins = ["pytester"]
# Everything is imported before pytester begins: it undoes what inner runs import, and PyYAML cannot be imported twice.
pytestmark = pytest.mark.usefixtures("autumn_mock_server")

SOURCE = Path(autumn_mock.__file__).parents[1]
TIMEOUT = 120

HEAD = """
import pytest
from tests.testing.calls import CUSTOMER, FEATURE, GRANT, post, send, track, use
"""

#: A world of one customer.
WORLD = """
organisations:
  - slug: mine
    keys: [am_sk_test_mine]
    sandbox:
      features:
        - {feature_id: words, name: Words, type: metered, consumable: true}
      customers:
        - customer_id: ada
          balances:
            - {feature_id: words, included_grant: 7}
"""

Run = Callable[..., pytest.RunResult]


@pytest.fixture(autouse=True)
def _collected() -> None:
    """Collect what the run of an earlier test left in this process: in the next run its warnings would be errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a test module in a project of its own, with no other plugin than this one."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def run(source: str, *options: str) -> pytest.RunResult:
        pytester.makepyfile(test_it=HEAD + textwrap.dedent(source))
        return pytester.runpytest_inprocess("-p", "autumn-mock", "--strict-markers", "-W", "error", *options)

    return run


def shown(result: pytest.RunResult) -> list[str]:
    """The lines of the section ``autumn-mock``, of the only failed test."""
    lines = result.outlines
    heads = [place for place, line in enumerate(lines) if line.strip("- ") == "autumn-mock" and line.startswith("--")]
    assert len(heads) == 1, result.outlines
    rest = lines[heads[0] + 1 :]
    end = next(place for place, line in enumerate(rest) if line.startswith(("=", "-", "_")))
    return rest[:end]


# -- reports of failed tests


def test_failed_test_prints_the_last_ten_requests_of_its_organisation(run: Run) -> None:
    result = run("""
        @pytest.mark.autumn_mock(frozen=True)
        def test_it(autumn_mock):
            for number in range(12):
                track(autumn_mock, number)
            send(autumn_mock, *[use(customer=f"cus_{number}x") for number in range(40)])
            autumn_mock.drain()
            assert False
    """)
    lines = shown(result)
    assert "requests (the last 10 of 13):" in lines
    assert "lost (the last 10 of 40):" in lines
    assert lines[-2] == "findings:"
    assert len(lines) == 2 + 10 + 10 + 2


@pytest.mark.parametrize(
    "source",
    [
        "def test_it(autumn_mock): send(autumn_mock)",
        "def test_it(): assert False",
        "def test_it(autumn_mock): pytest.skip()",
        "@pytest.mark.xfail\ndef test_it(autumn_mock): assert False",
    ],
    ids=["passed", "without the fixture", "skipped", "failed as expected"],
)
def test_other_tests_print_no_report(run: Run, source: str) -> None:
    result = run(source, "-rA")
    assert not [line for line in result.outlines if line.strip("- ") == "autumn-mock"]


@pytest.mark.parametrize(
    "source",
    [
        """
@pytest.fixture
def client(autumn_mock):
    send(autumn_mock)
    raise RuntimeError
def test_it(client): pass
""",
        """
def test_it(request):
    mock = request.getfixturevalue("autumn_mock")
    send(mock)
    assert False
""",
        """
@pytest.fixture(autouse=True)
def honest(autumn_mock):
    yield
    send(autumn_mock)
    assert False
def test_it(): pass
""",
    ],
    ids=["fixture that fails", "asked for by name", "fixture that fails at the end"],
)
def test_failed_fixture_prints_the_report(run: Run, source: str) -> None:
    [request] = [line for line in shown(run(source)) if "POST" in line]
    assert request.endswith("POST /v1/balances.batch_track 202 cus_456, 1 item, 0 refused")


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        (
            """
            def test_it(autumn_mock):
                post(autumn_mock, "balances.check", {"customer_id": "cus_123", "feature_id": "mesages"})
                assert False
            """,
            [
                "POST /v1/balances.check 404 cus_123: Feature mesages not found",
                'sent: {"customer_id": "cus_123", "feature_id": "mesages"}',
                'received: {"message":"Feature mesages not found","code":"feature_not_found","env":"sandbox"}',
            ],
        ),
        (
            """
            def test_it(autumn_mock):
                import urllib.request
                headers = {"Authorization": "Bearer am_sk_test_forgotten_key"}
                url = autumn_mock.url + "/v1/balances.check"
                urllib.request.urlopen(urllib.request.Request(url, b"{}", headers))
            """,
            ["1 request used a key that opens no organisation: am_sk_test_forg*********; the key here is am_sk_test_"],
        ),
        (
            """
            def test_it(autumn_mock):
                import urllib.request
                urllib.request.urlopen(autumn_mock.url + "/v1/customers/cus_123")
            """,
            ["GET /v1/customers/cus_123 401 cus_123: Secret key not found in Authorization header"],
        ),
    ],
    ids=["misspelt feature", "unknown key", "no key"],
)
def test_failed_test_prints_why_its_requests_failed(run: Run, source: str, lines: list[str]) -> None:
    text = "\n".join(shown(run(source)))
    assert [line for line in lines if line not in text] == [], text


# -- marks


def test_mark_sets_world_faults_and_clock(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makefile(".yaml", mine=WORLD)
    run("""
        @pytest.mark.autumn_mock(world="empty")
        def test_world(autumn_mock):
            assert post(autumn_mock, "features.list", {}).body["list"] == []

        @pytest.mark.autumn_mock(faults=["queue:down times=1", "enqueue:fail items=0"])
        def test_faults(autumn_mock):
            assert [send(autumn_mock, use(), use()) for _ in range(2)] == [503, 202]
            assert autumn_mock.stats()["refused"] == 3

        @pytest.mark.autumn_mock(now="2026-01-01")
        def test_now(autumn_mock):
            assert 0 <= autumn_mock.clock.now - 1767225600000 < 3600000
            assert not autumn_mock.clock.frozen

        @pytest.mark.autumn_mock(now=1767225600000, frozen=True)
        def test_frozen(autumn_mock):
            assert autumn_mock.clock.now == 1767225600000
            assert autumn_mock.clock.frozen

        @pytest.mark.autumn_mock(world="mine.yaml", faults="queue:down")
        def test_file(autumn_mock):
            assert autumn_mock.balance("ada", "words") == 7
            assert send(autumn_mock, use(1, "ada", "words")) == 503

        @pytest.mark.autumn_mock()
        def test_nothing(autumn_mock):
            assert autumn_mock.balance(CUSTOMER, FEATURE) == GRANT
    """).assert_outcomes(passed=6)


def test_mark_of_a_test_overrides_those_of_class_and_module(run: Run) -> None:
    """Faults are combined, those of the module first."""
    run("""
        pytestmark = pytest.mark.autumn_mock(now="2026-01-01", faults=["queue:down times=1"])

        def rules(mock):
            return [line.split(": fired")[0].strip() for line in mock.report().splitlines()[1:]]

        def day(mock):
            return (mock.clock.now - 1767225600000) // 86400000

        def test_module(autumn_mock):
            assert (day(autumn_mock), autumn_mock.clock.frozen) == (0, False)
            assert rules(autumn_mock) == ["queue:down times=1"]

        @pytest.mark.autumn_mock(frozen=True, faults=["worker:reorder"])
        class TestClass:
            def test_class(self, autumn_mock):
                assert (day(autumn_mock), autumn_mock.clock.frozen) == (0, True)
                assert rules(autumn_mock) == ["queue:down times=1", "worker:reorder"]

            @pytest.mark.autumn_mock(now="2026-01-02")
            def test_nearest(self, autumn_mock):
                assert (day(autumn_mock), autumn_mock.clock.frozen) == (1, True)
                assert rules(autumn_mock) == ["queue:down times=1", "worker:reorder"]

            @pytest.mark.autumn_mock(frozen=False, faults=["reply:empty"])
            def test_undone(self, autumn_mock):
                assert not autumn_mock.clock.frozen
                assert rules(autumn_mock) == ["queue:down times=1", "worker:reorder", "reply:empty"]
    """).assert_outcomes(passed=4)


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        (
            'wrld="empty"',
            "the mark autumn_mock does not accept wrld; it accepts faults, frozen, now, world",
        ),
        (
            '"empty"',
            "the mark autumn_mock does not accept positional arguments; it accepts faults, frozen",
        ),
        ('world="emty"', "there is no world 'emty', did you mean 'empty'?"),
        ('faults=["queue:dwn"]', "unknown kind 'queue:dwn', did you mean queue:down?"),
        ('now="yesterday"', "the mark autumn_mock: now must be an instant like 2026-01-31"),
    ],
)
def test_mark_that_is_invalid_fails_its_test_only(run: Run, mark: str, message: str) -> None:
    result = run(f"""
        @pytest.mark.autumn_mock({mark})
        def test_it(autumn_mock): pass
        def test_other(autumn_mock, autumn_mock_server):
            assert len(autumn_mock_server.state.organisations) == 2
    """)
    result.assert_outcomes(errors=1, passed=1)
    assert message in result.stdout.str()


def test_pytest_lists_the_mark_and_the_fixture(run: Run) -> None:
    mark = run("", "--markers").stdout.str()
    assert "@pytest.mark.autumn_mock(world=None, faults=(), now=None, frozen=False): the initial state" in mark
    assert "A new organisation for the test" in run("", "--fixtures").stdout.str()


# -- options

#: Passes with the world above alone.
IN_MY_WORLD = "def test_it(autumn_mock): assert autumn_mock.balance('ada', 'words') == 7"
#: Passes without a limit alone.
WITHOUT_LIMIT = "def test_it(autumn_mock): assert {send(autumn_mock) for _ in range(30)} == {202}"
#: Passes with this limit alone.
TWO_A_MINUTE = "def test_it(autumn_mock): assert [send(autumn_mock) for _ in range(3)] == [202, 202, 429]"


@pytest.mark.parametrize(
    ("source", "ini", "options"),
    [
        (IN_MY_WORLD, "", ("--autumn-mock-world=my world.yaml",)),
        (IN_MY_WORLD, "autumn_mock_world = my world.yaml", ()),
        (IN_MY_WORLD, "autumn_mock_world = empty", ("--autumn-mock-world=my world.yaml",)),
        (WITHOUT_LIMIT, "", ("--autumn-mock-rate-limit=off",)),
        (WITHOUT_LIMIT, "autumn_mock_rate_limit = off", ()),
        (TWO_A_MINUTE, "", ("--autumn-mock-rate-limit=2/minute",)),
        (TWO_A_MINUTE, "autumn_mock_rate_limit = off", ("--autumn-mock-rate-limit=2/minute",)),
    ],
)
def test_options_of_the_command_line_override_the_ini_file(
    run: Run, pytester: pytest.Pytester, source: str, ini: str, options: tuple[str, ...]
) -> None:
    (pytester.path / "my world.yaml").write_text(WORLD, "utf-8")
    pytester.makeini(f"[pytest]\n{ini}")
    run(source, *options).assert_outcomes(passed=1)


def test_option_seed_makes_random_faults_reproducible(run: Run) -> None:
    source = """
        @pytest.mark.autumn_mock(faults=["enqueue:fail rate=0.5"])
        def test_it(autumn_mock):
            send(autumn_mock, *[use()] * 20)
            [failure] = autumn_mock.failures
            print("drawn", autumn_mock.report().splitlines()[3], [each["index"] for each in failure.failures])
    """
    drawn = [line for _ in range(2) for line in run(source, "-s", "--autumn-mock-seed=7").outlines if "drawn" in line]
    assert len(drawn) == 2
    assert drawn[0] == drawn[1]
    assert "enqueue:fail rate=0.5 seed=7: fired 1" in drawn[0]


@pytest.mark.parametrize("option", ["seed=x", "rate-limit=10", "world=nope"])
def test_options_that_are_invalid_are_usage_errors(run: Run, option: str) -> None:
    result = run("def test_it(autumn_mock): pass", f"--autumn-mock-{option}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_option_world_in_the_ini_file_is_relative_to_that_file(
    run: Run, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makefile(".yaml", mine=WORLD)
    pytester.makeini("[pytest]\nautumn_mock_world = mine.yaml")
    monkeypatch.chdir(pytester.mkdir("below"))
    run(IN_MY_WORLD, str(pytester.path)).assert_outcomes(passed=1)


# -- isolation


def test_fixture_shares_the_server_and_nothing_else(run: Run) -> None:
    run("""
        seen = set()

        @pytest.mark.parametrize("number", range(3))
        def test_it(autumn_mock, autumn_mock_server, number):
            seen.add((autumn_mock.url, autumn_mock.key, autumn_mock.organisation))
            assert len(seen) == number + 1
            assert len({url for url, _, _ in seen}) == 1
            assert [send(autumn_mock) for _ in range(10)] == [202] * 10
            assert len(autumn_mock.requests) == autumn_mock.drain()["deducted"] == 10
            assert autumn_mock.balance(CUSTOMER, FEATURE) == GRANT - 10
            assert autumn_mock.report().count("fired") == 0
            assert not autumn_mock.clock.frozen
            autumn_mock.clock.freeze("2026-01-01")
            autumn_mock.fault("queue:down")
            autumn_mock.pause()
    """).assert_outcomes(passed=3)


def test_fixture_deletes_the_organisation_after_the_test(run: Run) -> None:
    run("""
        @pytest.mark.parametrize("number", range(3))
        def test_it(autumn_mock, autumn_mock_server, number):
            send(autumn_mock)
            assert len(autumn_mock_server.state.organisations) == 2

        def test_last(autumn_mock_server):
            assert len(autumn_mock_server.state.organisations) == 1
            assert len(autumn_mock_server.journal) == 0
    """).assert_outcomes(passed=4)


# -- imports and processes

#: Writes what is imported when pytest ends.
WRITE_IMPORTED = """
import sys
def pytest_unconfigure():
    with open("imported.txt", "w") as file:
        file.write("\\n".join(sys.modules))
"""

#: Dependencies that are slow to import.
HEAVY = {"flask", "flask_limiter", "httpx", "jinja2", "limits", "msgspec", "tinydb", "waitress", "werkzeug", "yaml"}


def in_a_project(directory: Path, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a directory, with no other plugin for pytest than this one."""
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **env}
    environment.pop("PYTEST_ADDOPTS", None)
    return subprocess.run(
        [sys.executable, *command],
        cwd=directory,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=TIMEOUT,
        check=False,
    )


@pytest.mark.parametrize("options", [("--collect-only",), (), ("--markers",)], ids=["collected", "run", "asked"])
def test_plugin_imports_nothing_else_in_a_project_that_does_not_use_it(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    (tmp_path / "test_unrelated.py").write_text("def test_it(): pass\ndef test_failing(): assert not True\n", "utf-8")
    (tmp_path / "conftest.py").write_text(WRITE_IMPORTED, "utf-8")
    done = in_a_project(tmp_path, "-W", "error", "-m", "pytest", "-p", "autumn-mock", *options)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    imported = set((tmp_path / "imported.txt").read_text("utf-8").split())
    ours = {name for name in imported if name.split(".")[0] == "autumn_mock"}
    assert ours == {"autumn_mock", "autumn_mock.testing", "autumn_mock.testing.plugin"}
    assert not imported & HEAVY


def test_pytest_loads_the_plugin_automatically(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_it(autumn_mock): assert autumn_mock.url\n", "utf-8")
    done = in_a_project(tmp_path, "-m", "pytest", "-q", PYTEST_DISABLE_PLUGIN_AUTOLOAD="")
    assert done.returncode == 0, done.stdout + done.stderr


def test_server_is_started_by_the_first_test_that_uses_it(run: Run) -> None:
    run("""
        import threading

        def count():
            return sum(thread.name == "autumn-mock-server" for thread in threading.enumerate())

        before = count()

        def test_without():
            assert count() == before

        def test_with(autumn_mock):
            assert count() == before + 1
    """).assert_outcomes(passed=2)


def test_server_leaves_no_thread_after_the_session(run: Run) -> None:
    before = {thread.ident for thread in threading.enumerate()}
    run("def test_it(autumn_mock): send(autumn_mock)").assert_outcomes(passed=1)
    assert {thread.ident for thread in threading.enumerate()} <= before


#: Every test writes which organisation it had, on which server.
PARALLEL = """
import os
from pathlib import Path
import pytest
from tests.testing.calls import send, use

@pytest.mark.parametrize("number", range(60))
def test_it(autumn_mock, number):
    assert autumn_mock.balance("cus_456", "messages") == 1000
    assert send(autumn_mock, use(number), use(0.5)) == 202
    assert autumn_mock.drain()["deducted"] == 2
    assert autumn_mock.balance("cus_456", "messages") == 1000 - number - 0.5
    assert [entry.items for entry in autumn_mock.requests] == [2]
    Path("seen", autumn_mock.organisation).write_text(f"{os.getpid()} {autumn_mock.url}")
"""


def test_fixture_is_isolated_in_parallel_processes(tmp_path: Path) -> None:
    (tmp_path / "test_project.py").write_text(PARALLEL, "utf-8")
    seen = tmp_path / "seen"
    seen.mkdir()
    done = in_a_project(tmp_path, "-W", "error", "-m", "pytest", "-q", "-p", "autumn-mock", "-p", "xdist", "-n", "3")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "60 passed" in done.stdout
    assert len(list(seen.iterdir())) == 60
    servers = {tuple(path.read_text("utf-8").split()) for path in seen.iterdir()}
    assert len({process for process, _ in servers}) == len({url for _, url in servers}) == len(servers) == 3


#: Calls that raise an error for their caller, of every method of the fixture's objects that does.
WRONG = (
    'autumn_mock.fault("enqueue:fial")',
    'autumn_mock.find_requests(call="trakc")',
    'autumn_mock.find_requests(status="x")',
    'autumn_mock.clock.advance("1 fortnight")',
    'autumn_mock.clock.set("tomorrow")',
    "autumn_mock.clock.freeze(-5)",
    'autumn_mock.balance("ghost", "messages")',
    'autumn_mock.balance(CUSTOMER, "nope")',
    'autumn_mock.set_payment_method("ghost", "ok")',
    'autumn_mock.set_payment_method(CUSTOMER, "cash")',
    "autumn_mock.assert_deducted(CUSTOMER, FEATURE, 1)",
    'autumn_mock.assert_no_findings(codes=["x"])',
    "autumn_mock.wait_for(1, timeout=0)",
    "asyncio.run(autumn_mock.wait_for_async(1, timeout=0))",
    'autumn_mock.webhooks.send_to("x")',
    'autumn_mock.webhooks.send_to("http://127.0.0.1:9", secret="x")',
    'autumn_mock.webhooks.take("billing.updated", None, 0)',
    'autumn_mock.wait_for_webhook("billing.updated", timeout=0)',
    "autumn_mock.checkouts.pay()",
    "autumn_mock.checkouts.authenticate()",
    "autumn_mock.checkouts.decline()",
    "autumn_mock.checkouts.abandon()",
    "autumn_mock.checkouts.settle()",
    "autumn_mock.checkouts.pay_invoice()",
    'autumn_mock.checkouts.list("ghost")',
    'autumn_mock.checkouts.invoices("ghost")',
    'autumn_mock.emulator.mock("nope")',
    'autumn_mock.emulator.fresh("nope")',
    'Emulator(world="nope")',
    "autumn_mock.emulator.start()",
)


def _wrong_tests(calls: Sequence[str]) -> str:
    tests = [f"def test_{number}(autumn_mock):\n    {call}\n" for number, call in enumerate(calls)]
    return "import asyncio\nfrom autumn_mock import Emulator\n" + "\n".join(tests)


def test_errors_for_the_caller_show_its_own_line_only(run: Run) -> None:
    result = run(_wrong_tests(WRONG))
    result.assert_outcomes(failed=len(WRONG))
    out = result.stdout.str()
    assert [call for call in WRONG if call not in out] == []
    assert re.findall(r"^\S*autumn_mock/\S*\.py:\d+.*", out, re.MULTILINE) == []


def test_errors_for_the_caller_show_all_frames_with_full_trace(run: Run) -> None:
    assert "grammar.py" in run(_wrong_tests(WRONG[:1]), "--full-trace").stdout.str()


def test_other_errors_show_all_frames(run: Run) -> None:
    """Such as one of the package itself, which no statement of it raised."""
    result = run("""
        def test_it(autumn_mock, monkeypatch):
            monkeypatch.setattr("autumn_mock.testing.mock.parse_rule", lambda rule: 1 / 0)
            autumn_mock.fault("queue:down")
    """)
    result.assert_outcomes(failed=1)
    assert re.search(r"mock\.py:\d+: in fault", result.stdout.str())
