"""An emulator in the current process, with its own socket."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from autumn_mock.domain.organisation import hash_key
from autumn_mock.engine import Engine
from autumn_mock.input_files import find_file
from autumn_mock.settings import Settings
from autumn_mock.testing.mock import AutumnMock
from autumn_mock.web.server import Server
from autumn_mock.worlds import World, read_world

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from autumn_mock.settings_keywords import SettingsKeywords

# Without a handler, Python would print our warnings in a program that does not configure logging.
logging.getLogger("autumn_mock").addHandler(logging.NullHandler())


class Emulator(Engine):
    """A server in the current process, for as long as a ``with`` block runs.

    ::

        with Emulator(world="default", faults=["queue:down times=2"]) as mock:
            client = Autumn(secret_key=mock.key, server_url=mock.url)

    Keywords are those of :class:`~autumn_mock.settings.Settings`, and ``faults``, a list of rules. Without ``port`` a
    free one is used. The value of the block is an :class:`~autumn_mock.testing.mock.AutumnMock` of the first
    organisation. Raises :class:`ValueError`, :class:`~autumn_mock.input_files.InputFileError` or ``OSError`` for
    settings, a world or a port that cannot be used.
    """

    def __init__(
        self, settings: Settings | None = None, *, faults: Sequence[str] | str = (), **values: Unpack[SettingsKeywords]
    ) -> None:
        if settings is None:
            values.setdefault("port", 0)
        if faults:
            first = values.get("fault", settings.fault if settings is not None else ())
            more = (faults,) if isinstance(faults, str) else tuple(faults)
            values["fault"] = (*((first,) if isinstance(first, str) else first), *more)
        super().__init__(settings, **values)
        self._server: Server | None = None
        self._thread: threading.Thread | None = None
        self._worlds: dict[Path, World] = {}

    @property
    def url(self) -> str:
        """The URL of the running server."""
        if self._server is None:
            raise RuntimeError("the emulator is not started; use it in a with block")
        return self._server.url

    @property
    def authority(self) -> bytes | None:
        """The certificate authority (PEM) that clients of the running server have to trust, if it made one."""
        return self._server.authority if self._server is not None else None

    def start(self, proxied: Collection[str] = ()) -> None:
        """Start the server and the workers; on failure everything is closed again.

        ``proxied``: host names that clients reach through it as their HTTPS proxy.
        """
        if self._thread is not None:
            raise RuntimeError("an emulator can be started only once; create another one")
        try:
            self._server = Server(self, proxied)
        except BaseException:
            self.abandon()
            raise
        try:
            super().start()
            self._thread = threading.Thread(target=self._server.run, name="autumn-mock-server", daemon=True)
            self._thread.start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server, finish the messages in flight, and release all resources."""
        server, self._server = self._server, None
        if server is not None:
            if self._thread is not None:
                server.stop()
                self._thread.join()
            server.close()
        super().stop()

    def mock(self, key: str | None = None) -> AutumnMock:
        """The organisation of a key, by default of the world's first one. Raises :class:`ValueError`."""
        key = key or self.first_key
        found = self.state.keys.get(hash_key(key))
        if found is None:
            raise ValueError("no organisation here has this key")
        return AutumnMock(self, self.state.environment(found.org_id, found.env), self.url, key)

    def fresh(self, world: str | None = None, *, now: int | None = None, frozen: bool = False) -> AutumnMock:
        """A new organisation: a copy of the first one of a world (name or file), by default of the server's.

        ``now`` (ms) and ``frozen`` are the initial state of its clock.
        """
        template = self._template(world) if world is not None else None
        return self.mock(self.open_organisation(template, now=now, frozen=frozen).key)

    def _template(self, world: str) -> World:
        """A world, which is read once."""
        path = find_file("world", world)
        if path not in self._worlds:
            self._worlds[path] = read_world(path)
        return self._worlds[path]

    def __enter__(self) -> AutumnMock:  # type: ignore[override]  # the value of the block is an organisation
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
