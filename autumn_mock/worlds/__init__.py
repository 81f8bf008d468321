"""Worlds: files with the initial state of a server: organisations, their keys, and what their environments contain.

A world is YAML or JSON. Its entries are the bodies of the API's own calls, and seeding a world makes these calls, so
a world cannot contain what the API refuses. Errors name the file, the line and the key
(:class:`~autumn_mock.input_files.InputFileError`).
"""

from __future__ import annotations

from autumn_mock.worlds.entries import world_schema
from autumn_mock.worlds.model import World, read_world, read_world_content
from autumn_mock.worlds.seeding import fill_copy, open_copy, organisation_for_key, organisation_id, seed

__all__ = [
    "World",
    "fill_copy",
    "open_copy",
    "organisation_for_key",
    "organisation_id",
    "read_world",
    "read_world_content",
    "seed",
    "world_schema",
]
