"""Worlds: files that say what a server starts from. Organisations, their keys, and what their environments hold.

A world is YAML or JSON. Its entries are the bodies of the API's own calls, and seeding a world makes these calls, so
what the API refuses a world cannot hold. Whatever is wrong is told with the file, the line and the key.
"""

from __future__ import annotations

from autumn_mock.worlds.document import WorldError
from autumn_mock.worlds.files import find_shipped_world, find_world
from autumn_mock.worlds.model import World, read_world
from autumn_mock.worlds.seeding import fill_copy, open_copy, organisation_for_key, organisation_id, seed

__all__ = [
    "World",
    "WorldError",
    "fill_copy",
    "find_shipped_world",
    "find_world",
    "open_copy",
    "organisation_for_key",
    "organisation_id",
    "read_world",
    "seed",
]
