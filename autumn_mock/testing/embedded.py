"""An emulator inside the process, with a socket of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from autumn_mock.domain.organisation import hash_key
from autumn_mock.engine import Engine
from autumn_mock.settings import Settings
from autumn_mock.testing.mock import AutumnMock
from autumn_mock.web.server import Server
from autumn_mock.worlds import World, find_world, read_world

# A program that embeds it has its own way with logs; without one, Python would print ours.
logging.getLogger("autumn_mock").addHandler(logging.NullHandler())


class Emulator(Engine):
    """A whole server in this process, on a free port, for the time of a ``with`` block.

    ::

        with Emulator(world="default", faults=["queue:down times=2"]) as mock:
            client = Autumn(secret_key=mock.key, server_url=mock.url)

    Keywords are those of :class:`~autumn_mock.settings.Settings`, and ``faults``, a list of rules. The port is a free
    one unless it is given. Inside the block stands an :class:`~autumn_mock.testing.mock.AutumnMock` of the first
    organisation. Raises what the settings, the world or the socket have to say against them.
    """

    def __init__(self, settings: Settings | None = None, *, faults: Sequence[str] | str = (), **knobs: Any) -> None:
        if settings is None:
            knobs.setdefault("port", 0)
        if faults:
            first = knobs.get("fault", settings.fault if settings is not None else ())
            more = (faults,) if isinstance(faults, str) else tuple(faults)
            knobs["fault"] = (*((first,) if isinstance(first, str) else first), *more)
        super().__init__(settings, **knobs)
        self._server: Server | None = None
        self._thread: threading.Thread | None = None
        self._worlds: dict[Path, World] = {}

    @property
    def url(self) -> str:
        """Where it answers, once it is started."""
        if self._server is None:
            raise RuntimeError("the emulator is not started; use it in a with block")
        return self._server.url

    def start(self) -> None:
        """Listen, and begin to deduct what is queued. When that fails, nothing is left behind."""
        if self._thread is not None:
            raise RuntimeError("this emulator was started before, and perhaps stopped; make another one")
        try:
            self._server = Server(self)
            super().start()
            self._thread = threading.Thread(target=self._server.run, name="autumn-mock-server", daemon=True)
            self._thread.start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Answer nobody any more, finish what is in flight, and let go of everything."""
        server, self._server = self._server, None
        if server is not None:
            if self._thread is not None:
                server.stop()
                self._thread.join()
            server.close()
        super().stop()

    def mock(self, key: str | None = None) -> AutumnMock:
        """The organisation that a key opens; without one: that of the world's first key."""
        key = key or self.first_key
        found = self.state.keys.get(hash_key(key))
        if found is None:
            raise ValueError("no organisation here has this key")
        return AutumnMock(self, self.state.environment(found.org_id, found.env), self.url, key)

    def fresh(self, world: str | None = None, *, now: int | None = None, frozen: bool = False) -> AutumnMock:
        """An organisation that nobody else has: a copy of the first one of a world (its name or file), or of the
        server's own. ``now`` (ms) and ``frozen`` are how its clock begins."""
        template = self._template(world) if world is not None else None
        return self.mock(self.open_organisation(template, now=now, frozen=frozen).key)

    def _template(self, world: str) -> World:
        """A world, read once."""
        path = find_world(world)
        if path not in self._worlds:
            self._worlds[path] = read_world(path)
        return self._worlds[path]

    def __enter__(self) -> AutumnMock:  # type: ignore[override]  # whoever embeds it wants an organisation in hand
        self.start()
        try:
            return self.mock()
        except BaseException:  # there is no key
            self.stop()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
