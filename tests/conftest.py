"""What holds for all tests."""

from __future__ import annotations

from hypothesis import settings

# A law is no matter of time: a busy machine is no reason to doubt it.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")
