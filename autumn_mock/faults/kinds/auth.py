"""Faults at authentication."""

from __future__ import annotations

from autumn_mock.faults.armed import ArmedRule


class AuthFault(ArmedRule):
    """The key of a request is refused when the rule fires."""


class RevokeKey(AuthFault):
    """The key counts as unknown."""

    name = "auth:revoke"
    summary = "the key is treated as unknown: 401"
    example = "auth:revoke after=10"
