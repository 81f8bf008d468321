"""The settings as keywords of Python calls, with types for editors and type checkers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from autumn_mock.domain.payment import PaymentMode


class SettingsKeywords(TypedDict, total=False):
    """The fields of :class:`~autumn_mock.settings.Settings`; a text is parsed like the value of the option."""

    host: str
    port: int | str
    public_url: str | None
    tls: bool | str
    tls_cert: str | None
    tls_key: str | None
    db: str | Path | None
    world: str
    key: str | Sequence[str]
    auto_org: bool | str
    auto_org_like: str | None
    auto_org_idle: int | str | None
    rate_limit: str
    workers: int | str
    batch_status: int | str
    payments: PaymentMode
    strict_versions: bool | str
    fault: str | Sequence[str]
    webhook_url: str | Sequence[str]
    webhook_secret: str | None
    control_token: str | None
    fsync: bool | str
    max_body: int | str
    max_queue: int | str
    max_events: int | str
    journal_requests: int | str
    journal_bodies: int | str
    ready_file: str | None
    seed: int | str | None
    now: int | str | None
    frozen: bool | str
