"""The server: an application on a socket."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from autumn_mock.engine import Engine
from autumn_mock.settings import Settings
from autumn_mock.web import create_app
from autumn_mock.web.errors import CertificateError
from autumn_mock.web.guard import Guard
from autumn_mock.web.waitress_adapter import Channel, WaitressServer

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

if sys.platform != "win32":
    import resource

#: Threads that serve requests: more than workers, so that one slow request does not delay the others.
THREADS = 8
#: File descriptors that connections leave to the rest of the process, or half of those that are free.
_OTHER_FILES = 64
#: With fewer free file descriptors no server can work: its own sockets, a file being written, a few connections.
_LEAST_FREE = 8
_MAX_FILES = 65_536
#: What ``select`` takes on Windows.
_MAX_CONNECTIONS_ON_WINDOWS = 500


def _max_connections() -> int:
    """The number of connections that the process's limit of open files allows.

    Raises :class:`OSError` when it allows hardly any.
    """
    if sys.platform == "win32":
        return _MAX_CONNECTIONS_ON_WINDOWS
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if soft == resource.RLIM_INFINITY:
        return _MAX_FILES
    lowest_free = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest_free)
    free = soft - lowest_free
    if free < _LEAST_FREE:
        text = f"of {soft} open files that are allowed, {free} are left; allow more with `ulimit -n 256`"
        raise OSError(errno.EMFILE, text)
    return free - min(_OTHER_FILES, free // 2)


def allow_many_connections() -> None:
    """Raise the process's limit of open files as far as allowed. An embedded server leaves the limit alone."""
    if sys.platform != "win32":
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = _MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, _MAX_FILES)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            with suppress(OSError, ValueError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _secured(settings: Settings, proxied: Collection[str]) -> tuple[bytes | None, Callable[..., Channel]]:
    """The authority of the certificate, if it is made here, and what makes the connections."""
    from autumn_mock.web.certificates import make_certificate, names_of, read_certificate
    from autumn_mock.web.secure_channel import Secure, SecureChannel

    if settings.tls_key is not None and settings.tls_cert is None:
        raise CertificateError("--tls-key is the key of a certificate; give that with --tls-cert FILE")
    if settings.tls_cert is not None and proxied:
        raise CertificateError(f"--proxy makes a certificate for {', '.join(proxied)}; leave --tls-cert out")
    if settings.tls_cert is not None:
        certificate = read_certificate(settings.tls_cert, settings.tls_key)
    else:
        certificate = make_certificate([*names_of(settings.host), *proxied])
    secure = Secure(certificate.context, plain=not settings.uses_tls, hosts=proxied)
    return certificate.authority, partial(SecureChannel, secure)


class Server(WaitressServer):
    """A bound socket that serves an engine.

    ``proxied``: host names that clients reach through it as their HTTPS proxy. Raises :class:`OSError` when the address
    cannot be bound, and :class:`~autumn_mock.web.errors.CertificateError`.
    """

    def __init__(self, engine: Engine, proxied: Collection[str] = ()) -> None:
        self.engine = engine
        settings = engine.settings
        guard = Guard.of(settings)
        #: The certificate authority that clients have to trust, in PEM; None without TLS, or with a certificate of its
        #: owner's.
        self.authority: bytes | None = None
        channel_class: Callable[..., Channel] | None = None
        application: WSGIApplication = create_app(engine)
        if settings.uses_tls or proxied:
            self.authority, channel_class = _secured(settings, proxied)
        if proxied:
            from autumn_mock.web.fixed_hosts import OwnAddress

            application = OwnAddress(application, proxied, lambda: self.url)
        super().__init__(
            application,
            host=settings.host,
            port=settings.port,
            threads=THREADS,
            max_body=settings.max_body,
            max_connections=_max_connections(),
            unlimited_call=("PUT", "/_mock/snapshot"),
            is_unlimited=guard.has_token,
            channel_class=channel_class,
        )

    @property
    def url(self) -> str:
        """The base URL."""
        host = self.engine.settings.host
        scheme = "https" if self.engine.settings.uses_tls else "http"
        return f"{scheme}://[{host}]:{self.port}" if ":" in host else f"{scheme}://{host}:{self.port}"

    def release(self) -> None:
        """End every wait, for a fault or for the queue; later waits return at once."""
        self.parking.stop()
        self.engine.release()

    def stop(self) -> None:
        self.release()
        super().stop()

    def close(self) -> None:
        self.release()
        super().close()
