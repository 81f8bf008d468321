"""The live state of environments, for the pages that show it.

While a page listens, one thread computes the state of each environment that a page shows, at most every
:data:`INTERVAL_S` and for at most a fraction of the time. All pages share the result. A page that does not read what
it was sent skips states; with no page there is no thread.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from autumn_mock.clock import stopwatch
from autumn_mock.engine import Engine
from autumn_mock.locks import Level, new_lock
from autumn_mock.parking import parking, spare_thread, wait_for
from autumn_mock.store.environment import Environment
from autumn_mock.store.errors import NoSuchOrganisation
from autumn_mock.web.control.faults import reports
from autumn_mock.web.waitress_adapter import flush, has_unsent, is_client_disconnected

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_log = logging.getLogger("autumn_mock.web")

#: Seconds between two states, at least.
INTERVAL_S = 0.25
#: Computing states, and findings among them, rests this many times as long as it took.
_REST, _REST_OF_FINDINGS = 25, 50
#: Seconds after which an unchanged state is followed by a comment, which finds connections that are gone.
_HEARTBEAT_S = 15
#: The newest findings that a state contains.
_MOST_FINDINGS = 20
#: The state of an environment whose organisation was closed.
_GONE = b'{"gone":true}'


class LiveState:
    """The state of one environment, as the last computation found it."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.listeners = 0
        #: Increases with each change.
        self.version = 0
        self.content = b""
        self._findings: dict[str, Any] = {}
        self._findings_due = 0.0

    def compute(self, engine: Engine) -> bytes:
        """The state as JSON."""
        environment = self.environment
        if environment.is_gone:
            return _GONE
        try:
            return self._encode(engine, environment)
        except NoSuchOrganisation:  # it was closed meanwhile
            return _GONE

    def _encode(self, engine: Engine, environment: Environment) -> bytes:
        name, clock = environment.name, environment.clock
        return msgspec.json.encode(
            {
                "stats": engine.stats(environment),
                "queue": engine.queue.explain(name),
                "lag": _lag(environment),
                "clock": {"offset": clock.offset, "frozen": clock.now() if clock.frozen else None},
                "customers": len(environment.customers),
                "requests": engine.journal.version(name),
                "webhooks": engine.webhooks.journal.version,
                "faults": reports(engine, [environment]),
                "findings": self._newest_findings(engine),
            }
        )

    def _newest_findings(self, engine: Engine) -> dict[str, Any]:
        started = stopwatch()
        if started >= self._findings_due:
            found = engine.findings(self.environment)
            self._findings = {"count": len(found), "list": msgspec.to_builtins(found[-_MOST_FINDINGS:])}
            self._findings_due = stopwatch() + (stopwatch() - started) * _REST_OF_FINDINGS
        return self._findings


def _lag(environment: Environment) -> int:
    """How long the message that was accepted first has been waiting, in ms."""
    with environment.lock:
        first = next(iter(environment.messages), None)
    return max(environment.clock.now() - first.accepted_at, 0) if first is not None else 0


class LiveStates:
    """The states of the environments that pages show. May be used from any thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._states: dict[tuple[str, str], LiveState] = {}
        self._is_running = False
        self._changed = threading.Condition(new_lock(Level.LIVE_STATES))
        #: Is not set: waiting for it is a pause.
        self._never = threading.Event()

    def stream(self, environment: Environment, environ: WSGIEnvironment) -> Iterator[bytes]:
        """Server-sent events, each with the state of an environment, until its client or the server ends it."""

        def is_over() -> bool:
            return is_client_disconnected(environ) or parking().is_stopping

        def is_new() -> bool:
            return state.version > seen

        seen = 0
        with self._listening(environment) as state, spare_thread(may_refuse=False):
            while not is_over():
                with self._changed:
                    wait_for(self._changed, is_new, _HEARTBEAT_S, is_over)
                    version, content = state.version, state.content
                if has_unsent(environ):
                    with self._changed:  # a slow reader: the next state replaces this one
                        self._changed.wait(INTERVAL_S)
                    continue
                yield b"data: " + content + b"\n\n" if version > seen else b":\n\n"
                flush(environ)
                seen = version

    @contextmanager
    def _listening(self, environment: Environment) -> Iterator[LiveState]:
        name = environment.name
        with self._changed:
            state = self._states.get(name)
            if state is None or state.environment is not environment:
                state = self._states[name] = LiveState(environment)
            state.listeners += 1
            if not self._is_running:
                self._is_running = True
                threading.Thread(target=self._run, name="live-states", daemon=True).start()
        try:
            yield state
        finally:
            with self._changed:
                state.listeners -= 1
                if not state.listeners and self._states.get(name) is state:
                    del self._states[name]

    def _computed(self, state: LiveState) -> bytes:
        """The new state; the old one if it cannot be computed, so that the thread goes on for the others."""
        try:
            return state.compute(self._engine)
        except Exception:
            _log.exception("the state of %s for the page", ":".join(state.environment.name))
            return state.content

    def _run(self) -> None:
        """Compute states until no page listens any more."""
        while True:
            with self._changed:
                states = list(self._states.values())
                if not states:
                    self._is_running = False
                    return
            started = stopwatch()
            found = [(state, self._computed(state)) for state in states]
            rest = max(INTERVAL_S, (stopwatch() - started) * _REST)
            with self._changed:
                for state, content in found:
                    if content != state.content:
                        state.content = content
                        state.version += 1
                self._changed.notify_all()
            self._never.wait(rest)
