"""Certificates of a server that speaks TLS: made when it starts, or given as files.

Keys, certificates and the protocol are the work of ``trustme`` (the extra ``tls``) and :mod:`ssl`.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import NamedTuple

from autumn_mock.clock import wall_clock
from autumn_mock.web.errors import CertificateError

#: Some clients refuse certificates that are valid for longer than 398 days. The older date is for clients whose clock
#: is late.
_VALID, _SINCE = timedelta(days=397), timedelta(days=1)


class ServerCertificate(NamedTuple):
    """What a server shows to its clients."""

    context: ssl.SSLContext
    #: The authority that clients have to trust, in PEM; None if the certificate was given.
    authority: bytes | None


def make_certificate(names: Iterable[str]) -> ServerCertificate:
    """A certificate for host names and addresses, by a new authority whose key is in memory only.

    Raises :class:`CertificateError` when ``trustme`` is missing, or for a name that no certificate can have.
    """
    try:
        import trustme
    except ImportError:
        raise CertificateError(
            "a certificate is made with trustme, which is not installed: pip install 'autumn-mock[tls]'; "
            "or give one with --tls-cert FILE and --tls-key FILE"
        ) from None
    authority = trustme.CA(organization_name="autumn-mock")
    now = datetime.fromtimestamp(wall_clock() / 1000, timezone.utc)
    try:
        made = authority.issue_cert(*dict.fromkeys(names), not_before=now - _SINCE, not_after=now + _VALID)
    except ValueError as error:
        raise CertificateError(f"no certificate can be made for {', '.join(names)}: {error}") from None
    context = _context()
    try:
        made.configure_cert(context)
    except OSError as error:  # it passes through a file, as ssl requires
        why = error.strerror or error
        raise CertificateError(f"no temporary file can be written: {why}; TMPDIR names a folder for them") from None
    return ServerCertificate(context, authority.cert_pem.bytes())


def read_certificate(certificate: str, key: str | None) -> ServerCertificate:
    """A certificate, with those between it and its authority, and its key, from PEM files; one file may hold all.

    Raises :class:`CertificateError` for files that cannot be read or do not fit.
    """
    for option, path in (("--tls-cert", certificate), ("--tls-key", key)):
        if path is not None:
            if Path(path).exists() and not Path(path).is_file():  # it is read more than once, and must end
                raise CertificateError(f"{option} {path}: it is not a regular file")
            try:
                with open(path, "rb"):  # noqa: PTH123  # only to name the file that cannot be read
                    pass
            except OSError as error:
                raise CertificateError(f"{option} {path}: {error.strerror or error}") from None
    context = _context()
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except (ssl.SSLError, OSError) as error:
        files = certificate if key is None else f"{certificate} with the key {key}"
        why = "there is no certificate in PEM with its key"
        if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
            why = "the key belongs to another certificate"
        elif key is None:
            why += "; give the file of the key with --tls-key"
        raise CertificateError(f"--tls-cert {files}: {why}") from None
    return ServerCertificate(context, None)


def names_of(host: str) -> list[str]:
    """The names and addresses by which clients reach a server that listens on an address."""
    name = socket.gethostname() if host in _EVERYWHERE else ""
    return [host, *_LOCAL, *([name] if _HOST_NAME.fullmatch(name) else [])]


_LOCAL = ("localhost", "127.0.0.1", "::1")
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  # compared, not listened on
_HOST_NAME = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")


def _no_password() -> str:
    raise CertificateError("--tls-key: the key has a password; give one without (openssl pkey -in KEY -out PLAIN)")


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION  # so a write never waits for the client to write
    context.set_alpn_protocols(["http/1.1"])
    return context
