"""An emulator inside the process of a program: in a ``with`` block, under asyncio, in unittest."""

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
from autumn_mock.settings import Settings
from autumn_mock.testing.mock import AutumnMock
from autumn_mock.worlds import WorldError
from tests.support.client import NoReply
from tests.testing.asking import CUSTOMER, FEATURE, GRANT, send, track, use

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
    script.write_text("from tests.testing.asking import use, send\n" + textwrap.dedent(source), "utf-8")
    return python(directory, str(script))


# -- in a with block


def test_a_block_has_a_whole_server_in_it() -> None:
    with Emulator(world="default", faults=["queue:down times=2"]) as mock:
        assert [send(mock) for _ in range(3)] == [503, 503, 202]
        mock.drain()
        assert mock.balance(CUSTOMER, FEATURE) == GRANT - 1
        assert mock.key == DEFAULT_KEY


def test_a_program_says_nothing_leaves_nothing_and_ends_well(tmp_path: Path) -> None:
    """Not even when things fail that the server has a warning for."""
    done = run_script(
        tmp_path,
        """
        import threading
        from autumn_mock import Emulator

        with Emulator(world="default", faults=["enqueue:fail items=0", "worker:crash times=1"]) as mock:
            assert send(mock, use(), use(), use(customer="cus_nobody")) == 202
            print(mock.drain()["deducted"])
        print([thread.name for thread in threading.enumerate()])
        """,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("1\n['MainThread']\n", "", 0)


def test_a_program_that_raises_inside_ends_as_it_would_without(tmp_path: Path) -> None:
    done = run_script(
        tmp_path,
        """
        from autumn_mock import Emulator

        with Emulator() as mock:
            send(mock)
            raise SystemExit(3)
        """,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 3)


def test_a_program_that_never_stops_it_ends_all_the_same(tmp_path: Path) -> None:
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


def test_a_client_that_still_waits_does_not_hold_up_the_end() -> None:
    """The item was deducted, but the reply would never come; at the end the connection is closed."""
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


def test_nothing_answers_after_the_block() -> None:
    with Emulator() as mock:
        pass
    with pytest.raises(NoReply, match="refused"):
        send(mock)


def test_a_second_emulator_stands_beside_the_first() -> None:
    """The same world and the same key, and nothing else in common."""
    with Emulator() as first, Emulator(faults=["queue:down"]) as second:
        assert first.url != second.url
        assert first.key == second.key
        first.clock.freeze("2026-01-01")
        assert (send(first), send(second)) == (202, 503)
        track(second, 7)
        first.drain()
        assert (first.balance(CUSTOMER, FEATURE), second.balance(CUSTOMER, FEATURE)) == (GRANT - 1, GRANT - 7)
        assert not second.clock.frozen


def test_further_organisations_are_opened_in_a_block() -> None:
    emulator = Emulator()
    with emulator as mock:
        fresh, empty = emulator.fresh(), emulator.fresh("empty")
        assert len({mock.key, fresh.key, empty.key}) == 3
        send(fresh, use(5))
        fresh.drain()
        assert (fresh.balance(CUSTOMER, FEATURE), mock.balance(CUSTOMER, FEATURE)) == (GRANT - 5, GRANT)
        assert emulator.mock(fresh.key).organisation == fresh.organisation
        with pytest.raises(ValueError, match="no organisation here has this key"):
            emulator.mock("am_sk_test_nobody")


def test_a_world_file_is_found_on_a_path_with_spaces(tmp_path: Path) -> None:
    world = tmp_path / "my worlds" / "the first one.yaml"
    world.parent.mkdir()
    world.write_text("organisations:\n  - slug: mine\n    keys: [am_sk_test_mine]\n", "utf-8")
    with Emulator(world=str(world), db=str(world.with_suffix(".json"))) as mock:
        assert mock.key == "am_sk_test_mine"
        assert send(mock) == 404
    assert world.with_suffix(".json").exists()


def test_what_was_in_a_database_is_there_in_the_next_block(tmp_path: Path) -> None:
    path = str(tmp_path / "state.json")
    with Emulator(db=path) as mock:
        track(mock, 5)
    with Emulator(db=path) as mock:
        assert mock.balance(CUSTOMER, FEATURE) == GRANT - 5


@pytest.mark.parametrize(
    ("knobs", "error", "message"),
    [
        ({"world": "nowhere"}, WorldError, "there is no world 'nowhere'"),
        ({"faults": ["queue:dwn"]}, ValueError, "did you mean queue:down"),
        ({"fualts": ["queue:down"]}, TypeError, "fualts"),
    ],
)
def test_a_keyword_that_is_wrong_raises_before_anything_is_started(
    knobs: dict[str, Any], error: type[Exception], message: str
) -> None:
    before = threading.active_count()
    with pytest.raises(error, match=message):
        Emulator(**knobs)
    assert threading.active_count() == before


def test_the_url_of_one_that_is_not_started_is_told_with_what_to_do() -> None:
    with pytest.raises(RuntimeError, match="the emulator is not started; use it in a with block"):
        _ = Emulator().url


def test_a_port_that_is_taken_raises_at_the_start() -> None:
    with Emulator() as mock:
        port = int(mock.url.rpartition(":")[2])
        done = run_script_in_place(f"Emulator(port={port}).start()")
    assert done.returncode == 1
    assert "OSError: [Errno" in done.stderr


def run_script_in_place(line: str) -> subprocess.CompletedProcess[str]:
    """One line that wants an emulator, in a process of its own."""
    return python(SOURCE, "-c", f"from autumn_mock import Emulator\n{line}")


def test_a_start_that_failed_leaves_nothing_behind(tmp_path: Path) -> None:
    """In a process of its own, or the leak would be found in some other test."""
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
            with Emulator(db="state.json") as mock:
                print(send(mock))
            """,
        )
    assert (done.stdout, done.stderr, done.returncode) == ("['MainThread']\n202\n", "", 0)


def test_a_world_without_keys_leaves_nothing_behind(tmp_path: Path) -> None:
    done = run_script(
        tmp_path,
        """
        import threading
        from autumn_mock import Emulator

        with open("world.yaml", "w") as file:
            file.write("organisations: [{slug: nobodys}]")
        try:
            with Emulator(world="world.yaml"):
                pass
        except ValueError:
            print([thread.name for thread in threading.enumerate()])
        """,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("['MainThread']\n", "", 0)


def test_an_emulator_that_was_stopped_says_that_it_cannot_be_started_again(tmp_path: Path) -> None:
    done = run_script(
        tmp_path,
        """
        from autumn_mock import Emulator

        emulator = Emulator()
        for _ in range(2):
            try:
                with emulator:
                    pass
            except RuntimeError as error:
                print(error)
        """,
    )
    assert "stopped" in done.stdout
    assert (done.stderr, done.returncode) == ("", 0)


def test_faults_beside_settings_are_armed() -> None:
    with Emulator(Settings(port=0), faults=["queue:down"]) as mock:
        assert send(mock) == 503


def test_a_keyword_may_be_written_as_the_option_is() -> None:
    with Emulator(now="2026-01-01", key="am_sk_test_second") as mock:  # type: ignore[arg-type,unused-ignore]  # text
        assert 0 <= mock.clock.now - 1_767_225_600_000 < 3_600_000
        assert len(mock.emulator.state.organisations) == 2


def test_stopping_does_not_depend_on_who_is_quicker(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of a request wakes the server's loop too, and it may do so just before the stop itself does."""
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


def test_the_event_loop_goes_on_while_a_drain_waits() -> None:
    """The drain ends because a task of the same loop moves the clock."""

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


def test_the_event_loop_goes_on_while_a_wait_waits() -> None:
    """The items are sent by the same loop, through the official client."""

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


def test_a_drain_that_is_given_up_holds_up_nobody() -> None:
    async def give_up(mock: AutumnMock) -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(mock.drain_async(timeout=TIMEOUT), 0.01)

    with Emulator(faults=["worker:delay 1h"]) as mock:
        send(mock)
        loop = threading.Thread(target=lambda: asyncio.run(give_up(mock)))
        loop.start()
        loop.join(2)
        is_held_up = loop.is_alive()
        mock.clock.advance("1h")
        loop.join()
    assert not is_held_up


# -- in unittest

UNITTEST = """
import unittest

from autumn_mock import Emulator
from tests.testing.asking import send, track, use


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


def test_the_recipe_for_unittest(tmp_path: Path) -> None:
    """One server for a class and an organisation for each test; or a server for each."""
    (tmp_path / "test_usage.py").write_text(UNITTEST, "utf-8")
    done = python(tmp_path, "-m", "unittest", "-v")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("... ok\n") == 5
    assert done.stderr.endswith("\nOK\n")
    assert done.stdout == ""
