"""``auth:revoke``."""

from __future__ import annotations

from autumn_mock.faults.sites import AuthFault


class RevokeKey(AuthFault):
    """The key is treated as unknown."""

    name = "auth:revoke"
    summary = "the key is treated as unknown: 401"
    example = "auth:revoke after=10"

    def on_key(self) -> bool:
        return True
