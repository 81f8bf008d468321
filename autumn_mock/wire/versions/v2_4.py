"""Version 2.4: the lock of a check may have an ``overage_behavior``."""

from __future__ import annotations

from autumn_mock.wire.versions.declaration import VersionChanges

CHANGES = VersionChanges(traits=lambda before: before._replace(locks_choose_overage=True))
