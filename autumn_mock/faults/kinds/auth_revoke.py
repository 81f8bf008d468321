from autumn_mock.faults.sites import AuthFault


class RevokeKey(AuthFault):
    """The key is treated as unknown: 401."""

    name = "auth:revoke"
    example = "auth:revoke after=10"

    def on_key(self) -> bool:
        return True
