"""What tests install once and keep outside the tree: ``~/.cache/autumn-mock-tests``, or ``AUTUMN_MOCK_TEST_CACHE``."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path


def cached(name: str, make: Callable[[Path], None]) -> Path:
    """A directory of the tests' cache, made once by whichever process comes first."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    parent = Path(os.environ.get("AUTUMN_MOCK_TEST_CACHE") or Path(base, "autumn-mock-tests"))
    directory = parent / name
    if not directory.exists():
        staged = parent / f"{name}-{os.getpid()}"
        shutil.rmtree(staged, ignore_errors=True)
        staged.mkdir(parents=True)
        try:
            make(staged)
            staged.rename(directory)
        except OSError:  # another process was faster
            assert directory.exists()
        finally:
            shutil.rmtree(staged, ignore_errors=True)
    return directory
