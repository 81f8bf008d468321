"""An emulator in the process of a program: in a ``with`` block, under asyncio, in unittest."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from autumn_sdk import Autumn
from waitress.trigger import trigger

import autumn_mock as package
from autumn_mock import Emulator
from autumn_mock.input_files import InputFileError
from autumn_mock.settings import Settings
from autumn_mock.testing.mock import AutumnMock
from tests.support.client import NoReply
from tests.testing.calls import CUSTOMER, FEATURE, GRANT, send, track, use

SOURCE = Path(package.__file__).parents[1]
TIMEOUT = 120
#: The key of the shipped default world.
DEFAULT_KEY = "am_sk_test_autumn_mock"


def python(directory: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run Python somewhere, with every warning an error and every leak a warning."""
    return subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", *command],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        encoding="utf-8",
        timeout=TIMEOUT,
        check=False,
    )


def run_script(directory: Path, source: str) -> subprocess.CompletedProcess[str]:
    """Run a program."""
    script = directory / "a script.py"
    script.write_text("from tests.testing.calls import use, send\n" + textwrap.dedent(source), "utf-8")
    return python(directory, str(script))


# -- in a with block


def test_emulator_runs_a_server_in_a_with_block() -> None:
    with Emulator(world="default", faults=["queue:down times=2"]) as mock:
        assert [send(mock) for _ in range(3)] == [503, 503, 202]
        mock.drain()
        assert mock.balance(CUSTOMER, FEATURE) == GRANT - 1
        assert mock.key == DEFAULT_KEY


def test_emulator_prints_nothing_and_leaves_no_thread(tmp_path: Path) -> None:
    done = run_script(
        tmp_path,
        """
        import threading
        from autumn_mock import Emulator

        with Emulator(world="default", faults=["enqueue:fail items=0", "worker:crash times=1"]) as mock:
            assert send(mock, use(), use(), use(customer="cus_none")) == 202
            print(mock.drain()["deducted"])
        print([thread.name for thread in threading.enumerate()])
        """,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("1\n['MainThread']\n", "", 0)


def test_emulator_that_is_not_stopped_does_not_keep_the_process(tmp_path: Path) -> None:
    done = run_script(
        tmp_path,
        """
        from autumn_mock import Emulator

        emulator = Emulator()
        emulator.start()
        send(emulator.mock())
        print("done")
        """,
    )
    assert (done.stdout, done.returncode) == ("done\n", 0)


def test_stop_closes_the_connection_of_a_waiting_client() -> None:
    ended: list[BaseException] = []

    def wait_for_a_reply(mock: AutumnMock) -> None:
        try:
            send(mock)
        except OSError as error:
            ended.append(error)

    with Emulator(faults=["reply:hang after=enqueue"]) as mock:
        client = threading.Thread(target=wait_for_a_reply, args=(mock,))
        client.start()
        mock.wait_for(1)
    client.join(TIMEOUT)
    assert len(ended) == 1
    with pytest.raises(NoReply, match="refused"):
        send(mock)


def test_emulators_in_one_process_share_nothing() -> None:
    with Emulator() as first, Emulator(faults=["queue:down"]) as second:
        assert first.url != second.url
        assert first.key == second.key
        first.clock.freeze("2026-01-01")
        assert (send(first), send(second)) == (202, 503)
        track(second, 7)
        first.drain()
        assert (first.balance(CUSTOMER, FEATURE), second.balance(CUSTOMER, FEATURE)) == (GRANT - 1, GRANT - 7)
        assert not second.clock.frozen


def test_fresh_opens_copies_of_worlds() -> None:
    emulator = Emulator()
    with emulator as mock:
        fresh, empty = emulator.fresh(), emulator.fresh("empty")
        assert len({mock.key, fresh.key, empty.key}) == 3
        send(fresh, use(5))
        fresh.drain()
        assert (fresh.balance(CUSTOMER, FEATURE), mock.balance(CUSTOMER, FEATURE)) == (GRANT - 5, GRANT)
        assert emulator.mock(fresh.key).organisation == fresh.organisation
        with pytest.raises(ValueError, match="no organisation here has this key"):
            emulator.mock("am_sk_test_unknown")


def test_emulator_with_db_keeps_its_state(tmp_path: Path) -> None:
    path = str(tmp_path / "state.json")
    with Emulator(db=path) as mock:
        track(mock, 5)
    with Emulator(db=path) as mock:
        assert mock.balance(CUSTOMER, FEATURE) == GRANT - 5


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"world": "nowhere"}, InputFileError, "there is no world 'nowhere'"),
        ({"faults": ["queue:dwn"]}, ValueError, "did you mean queue:down"),
        ({"fualts": ["queue:down"]}, TypeError, "fualts"),
    ],
)
def test_emulator_refuses_invalid_keywords(values: dict[str, Any], error: type[Exception], message: str) -> None:
    before = threading.active_count()
    with pytest.raises(error, match=message):
        Emulator(**values)
    assert threading.active_count() == before


def test_url_requires_a_started_emulator() -> None:
    with pytest.raises(RuntimeError, match="the emulator is not started; use it in a with block"):
        _ = Emulator().url


def test_start_that_fails_leaves_no_thread_and_no_lock(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run_script(
            tmp_path,
            f"""
            import threading
            from autumn_mock import Emulator

            try:
                Emulator(port={taken.getsockname()[1]}, db="state.json").start()
            except OSError:
                print([thread.name for thread in threading.enumerate()])
            with open("world.yaml", "w") as file:
                file.write("organisations: [{{slug: without-keys}}]")
            try:
                with Emulator(world="world.yaml"):
                    pass
            except ValueError:
                print([thread.name for thread in threading.enumerate()])
            with Emulator(db="state.json") as mock:
                print(send(mock))
            """,
        )
    assert (done.stdout, done.stderr, done.returncode) == ("['MainThread']\n['MainThread']\n202\n", "", 0)


def test_requests_that_wait_for_a_thread_print_nothing(tmp_path: Path) -> None:
    done = run_script(
        tmp_path,
        """
        import logging
        import autumn_mock.web.waitress_adapter

        logging.getLogger("waitress.queue").warning("Task queue depth is %d", 1)
        """,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


def test_start_refuses_an_emulator_that_was_stopped() -> None:
    emulator = Emulator()
    with emulator:
        pass
    with pytest.raises(RuntimeError, match="can be started only once"):
        emulator.start()


def test_emulator_arms_faults_besides_those_of_settings() -> None:
    with Emulator(Settings(port=0), faults=["queue:down"]) as mock:
        assert send(mock) == 503


def test_emulator_parses_text_like_the_option() -> None:
    with Emulator(now="2026-01-01", key="am_sk_test_second") as mock:  # type: ignore[arg-type,unused-ignore]  # text
        assert 0 <= mock.clock.now - 1_767_225_600_000 < 3_600_000
        assert len(mock.emulator.state.organisations) == 2


def test_stop_ends_although_a_request_woke_the_loop_first(monkeypatch: pytest.MonkeyPatch) -> None:
    pull: Callable[[Any], None] = vars(trigger)["_physical_pull"]
    emulator = Emulator()
    emulator.start()
    loop = emulator._thread
    assert loop is not None

    def pull_late(self: Any) -> None:
        if threading.current_thread() is threading.main_thread():
            pull(self)  # as the end of a request would
            loop.join(1)
        pull(self)

    monkeypatch.setattr(trigger, "_physical_pull", pull_late)
    try:
        emulator.stop()
    finally:
        monkeypatch.undo()
        super(Emulator, emulator).stop()


# -- under asyncio


def test_drain_async_does_not_block_the_event_loop() -> None:

    async def main(mock: AutumnMock) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {mock.key}"}
        async with httpx.AsyncClient(base_url=mock.url, headers=headers) as client:
            replies = await asyncio.gather(
                *(client.post("/v1/balances.batch_track", json=[use(number)]) for number in range(5))
            )
        assert {reply.status_code for reply in replies} == {202}
        draining = asyncio.create_task(mock.drain_async())
        for _ in range(10):
            await asyncio.sleep(0)
        assert not draining.done()
        mock.clock.advance("1h")
        return await draining

    with Emulator(faults=["worker:delay 1h"]) as mock:
        assert asyncio.run(main(mock))["deducted"] == 5
        assert mock.balance(CUSTOMER, FEATURE) == GRANT - 10


def test_wait_for_async_does_not_block_the_event_loop() -> None:

    async def main(mock: AutumnMock) -> None:
        waiting = asyncio.create_task(mock.wait_for_async(2))
        async with Autumn(secret_key=mock.key, server_url=mock.url, fail_open=False) as client:
            for _ in range(2):
                answer = await client.batch_track_async(request=[{"customer_id": CUSTOMER, "feature_id": FEATURE}])
                assert answer.success
        assert (await waiting)["deducted"] == 2

    with Emulator() as mock:
        asyncio.run(main(mock))
        assert mock.balance(CUSTOMER, FEATURE) == GRANT - 2


def test_drain_async_that_is_cancelled_leaves_no_waiting_thread() -> None:
    async def give_up(mock: AutumnMock) -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(mock.drain_async(timeout=TIMEOUT), 0.01)

    with Emulator(faults=["worker:delay 1h"]) as mock:
        send(mock)
        loop = threading.Thread(target=lambda: asyncio.run(give_up(mock)))
        loop.start()
        loop.join(2)
        is_blocked = loop.is_alive()
        mock.clock.advance("1h")
        loop.join()
    assert not is_blocked


# -- in unittest

UNITTEST = """
import unittest

from autumn_mock import Emulator
from tests.testing.calls import send, track, use


class UsageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.emulator = Emulator()
        cls.emulator.start()
        cls.addClassCleanup(cls.emulator.stop)

    def setUp(self):
        self.mock = self.emulator.fresh()
        self.addCleanup(self.emulator.close_organisation, self.mock.organisation)

    def test_usage_is_charged(self):
        self.assertEqual(send(self.mock, use(3)), 202)
        self.mock.assert_deducted("cus_456", "messages", 3)

    def test_each_test_has_an_organisation_of_its_own(self):
        self.assertEqual(self.mock.requests, [])
        track(self.mock, 4)
        self.assertEqual(self.mock.balance("cus_456", "messages"), 996)

    def test_an_outage(self):
        with self.mock.fault("queue:down"):
            self.assertEqual(send(self.mock), 503)
        self.mock.assert_balanced()


class OneForEachTest(unittest.TestCase):
    def setUp(self):
        emulator = Emulator()
        emulator.start()
        self.addCleanup(emulator.stop)
        self.mock = emulator.mock()

    def test_usage_is_charged(self):
        send(self.mock, use(3))
        self.mock.assert_deducted("cus_456", "messages", 3)

    def test_nothing_is_left_of_it(self):
        self.mock.assert_deducted("cus_456", "messages", 0)
"""


def test_emulator_works_in_unittest(tmp_path: Path) -> None:
    """One server for a class and an organisation for each test, or a server for each test."""
    (tmp_path / "test_usage.py").write_text(UNITTEST, "utf-8")
    done = python(tmp_path, "-m", "unittest", "-v")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("... ok\n") == 5
    assert done.stderr.endswith("\nOK\n")
    assert done.stdout == ""
