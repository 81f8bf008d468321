"""Why a server cannot be set up as its settings ask."""

from __future__ import annotations


class CertificateError(ValueError):
    """A certificate cannot be made or used; the message says why, and what to do."""
