"""Organisations, their two environments and their keys."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

from msgspec import Meta

from autumn_mock.domain.controls import UsageAlert
from autumn_mock.domain.record import LATEST, Instant, Record
from autumn_mock.domain.token_rates import Rates

Env = Literal["sandbox", "live"]

#: Characters of a key that may be shown, and those of its prefix: ``am_sk_test_``.
_SHOWN, _PREFIX = 15, 11


class OrganisationConfig(Record, frozen=True, kw_only=True):
    """Switches of an organisation that change how balances move, and what becomes of plans that are not paid."""

    #: Rows without a reset, and longer intervals, are spent first.
    reverse_deduction_order: bool = False
    #: An old overdraft is taken off the new grant at a reset.
    persist_free_overage: bool = False
    #: A subscription ends when a renewal of it is not paid.
    cancel_on_past_due: bool = False
    #: The open invoices of a subscription are void when it ends.
    void_invoices_on_subscription_deletion: bool = False
    #: Usage beyond what is included is not billed by renewals.
    disable_overage_billing: bool = False
    #: A customer may begin the trial of a plan again.
    multiple_trials: bool = False
    #: Usage alerts of all customers, in live and in sandbox.
    usage_alerts: tuple[UsageAlert, ...] = ()
    sandbox_usage_alerts: tuple[UsageAlert, ...] = ()


class ClockState(Record, frozen=True, kw_only=True):
    """How a clock differs from what it follows: that of an organisation from the server's, that from the machine's."""

    #: The id of the organisation; empty: the server's own clock.
    org: str
    #: How far it is ahead, in ms.
    offset: Annotated[int, Meta(ge=-LATEST, le=LATEST)] = 0
    #: The instant at which it stands still, if it does.
    frozen_at: Annotated[int, Meta(ge=0, le=LATEST)] | None = None


#: The header of the control API that selects an environment where its key is not known: the id or slug of an
#: organisation, and ``:live`` for that one.
ENVIRONMENT_HEADER = "x-autumn-mock-environment"
#: The header of its replies with the slug of the organisation that the request opened.
OPENED_HEADER = "x-autumn-mock-opened"


class Organisation(Record, frozen=True, kw_only=True):
    """One tenant. Everything else belongs to one organisation and one environment of it."""

    id: str
    name: str
    slug: str
    #: Decides the API version used when a request names none, and by the workers.
    created_at: Instant
    config: OrganisationConfig = OrganisationConfig()
    #: Its own prices of language models, by ``provider/model``.
    model_prices: dict[str, Rates] = {}
    #: Whether the first request with its key opened it: it may be closed when it is idle.
    is_temporary: bool = False
    #: When a request last used it, in ms of the machine's time; kept from time to time.
    last_used: Instant | None = None


class ApiKey(Record, frozen=True, kw_only=True):
    """A key, known by its SHA-256 alone; ``hint`` is the part that may be shown."""

    hash: str
    hint: str
    org_id: str
    env: Env
    #: Empty: unrestricted.
    scopes: tuple[str, ...] = ()
    publishable: bool = False


def hash_key(key: str) -> str:
    """The name under which a key is kept."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def mask_key(key: str) -> str:
    """A key as the service's error texts show it: fifteen characters, then one asterisk for each further one.

    A shorter key is shown whole (contract 1.2): everywhere else :func:`shown_key` is used.
    """
    return key[:_SHOWN] + "*" * (len(key) - _SHOWN)


def shown_key(key: str) -> str:
    """A key, or a hint of one, as logs, lists and pages show it: half of what is behind its prefix stays hidden.

    At most fifteen characters are shown, and one asterisk for each further one.
    """
    shown = min(_SHOWN, _PREFIX + (len(key) - _PREFIX) // 2) if len(key) > _PREFIX else len(key) // 2
    return key[:shown] + "*" * (len(key) - shown)
