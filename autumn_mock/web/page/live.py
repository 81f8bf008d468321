"""The live state of environments, for the pages that show it.

While a page listens, one thread computes the state of each environment that a page shows, at most every
:data:`INTERVAL_S` and for at most a fraction of the time. All pages share the result; an event has the parts of it that
have changed. A page that does not read what it was sent skips events. While there are many pages and constant changes,
they are sent less often. With no page there is no thread.
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
_REST, _REST_OF_FINDINGS = 25, 100
#: Seconds that each page adds to the interval after a change: five pages or fewer do not lengthen it.
_REST_PER_PAGE_S = 0.05
#: Seconds after which an unchanged state is followed by a comment, which finds connections that are gone.
_HEARTBEAT_S = 15
#: The newest findings that a state contains.
_MOST_FINDINGS = 20


class LiveState:
    """The state of one environment, as the last computation found it."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.listeners = 0
        #: Increases with each change.
        self.version = 0
        #: The parts as JSON, each with the version of its last change.
        self._parts: dict[str, tuple[int, bytes]] = {}
        #: Events that were already made of this version, by the version that their pages have.
        self._events: dict[int, bytes] = {}
        self._findings: list[Any] = []
        self._findings_due = 0.0

    def compute(self, engine: Engine) -> dict[str, Any]:
        """The parts of the state."""
        environment = self.environment
        if environment.is_gone:
            return {"gone": True}
        name, clock = environment.name, environment.clock
        try:
            return {
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
        except NoSuchOrganisation:  # it was closed meanwhile
            return {"gone": True}

    def _newest_findings(self, engine: Engine) -> list[Any]:
        started = stopwatch()
        if started >= self._findings_due:
            self._findings = msgspec.to_builtins(engine.findings(self.environment)[-_MOST_FINDINGS:])
            self._findings_due = stopwatch() + (stopwatch() - started) * _REST_OF_FINDINGS
        return self._findings

    def take(self, parts: dict[str, Any]) -> bool:
        """Take over the parts that have changed; returns whether there are any."""
        encoded = {name: msgspec.json.encode(part) for name, part in parts.items()}
        changed = {name: part for name, part in encoded.items() if self._parts.get(name, (0, b""))[1] != part}
        if changed:
            self.version += 1
            self._parts.update((name, (self.version, part)) for name, part in changed.items())
            self._events.clear()
        return bool(changed)

    def event(self, seen: int) -> bytes:
        """The event for pages that have the state of a version."""
        found = self._events.get(seen)
        if found is None:
            parts = (b'"%s":%s' % (name.encode(), part) for name, (at, part) in self._parts.items() if at > seen)
            found = self._events[seen] = b"data: {%s}\n\n" % b",".join(parts)
        return found


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
                    version = state.version
                    event = state.event(seen) if version > seen else b":\n\n"
                if has_unsent(environ):
                    with self._changed:  # a slow reader: the next state replaces this one
                        self._changed.wait(INTERVAL_S)
                    continue
                yield event
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

    def _computed(self, state: LiveState) -> dict[str, Any]:
        """The new state; nothing if it cannot be computed, so that the thread goes on for the others."""
        try:
            return state.compute(self._engine)
        except Exception:
            _log.exception("the state of %s for the page", ":".join(state.environment.name))
            return {}

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
                informed = sum(state.listeners for state, parts in found if state.take(parts))
                self._changed.notify_all()
            self._never.wait(max(rest, informed * _REST_PER_PAGE_S))
