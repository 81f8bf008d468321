"""The application of tests/web, for tests of what it records."""

from __future__ import annotations

from tests.web.conftest import client, emulator, post

__all__ = ["client", "emulator", "post"]
