"""Storage: tables in memory, a write-ahead log, and a TinyDB file.

``State`` holds everything in memory; ``Database`` makes it durable and does not know what the documents mean.
"""

from __future__ import annotations

from autumn_mock.store.database import Database
from autumn_mock.store.errors import DamagedFile, DatabaseInUse, ForeignFile, StoreError, UnsupportedFormat

__all__ = ["DamagedFile", "Database", "DatabaseInUse", "ForeignFile", "StoreError", "UnsupportedFormat"]
