"""What holds for all tests."""

from __future__ import annotations

from hypothesis import settings

from tests.support.effort import examples

# A law is no matter of time: a busy machine is no reason to doubt it.
settings.register_profile("suite", deadline=None, max_examples=examples(100))
settings.load_profile("suite")
