"""Version 2.5: ``balances.track`` is asynchronous by default."""

from __future__ import annotations

from autumn_mock.wire.versions.declaration import VersionChanges

CHANGES = VersionChanges(traits=lambda before: before._replace(tracks_async=True))
