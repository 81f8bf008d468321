"""The answers to calls that only older clients send."""

from __future__ import annotations

from autumn_mock.wire.answer import Body


class OldAttachedBody(Body, kw_only=True):
    """Plans have been attached; ``code`` and ``message`` say how."""

    success: bool = True
    customer_id: str
    product_ids: list[str]
    code: str
    message: str


class CancelledBody(Body, kw_only=True):
    """A plan has been cancelled."""

    success: bool = True
    customer_id: str
    product_id: str
