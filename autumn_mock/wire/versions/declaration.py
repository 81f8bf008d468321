"""What the file of an API version declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from msgspec import Struct

Json = dict[str, Any]
#: Turns a version's JSON object into the previous version's.
Downgrade = Callable[[Json], Json]
#: Turns a request body of the previous version into this version's.
Upgrade = Callable[[Json], Json]


class VersionTraits(NamedTuple):
    """Behaviour that depends on the version of a request. The defaults are those of the oldest version."""

    #: Whether a call for an unknown customer or entity creates it.
    creates_customers: bool = True
    #: Whether a balance outside a plan is hidden once it is used up.
    hides_drained: bool = False
    #: Whether ``balances.track`` queues the usage unless the request says ``async: false``.
    tracks_async: bool = False
    #: Whether lists are paged by cursor rather than by offset.
    pages_by_cursor: bool = False
    #: Whether usage sends ``customer.threshold_reached``.
    sends_thresholds: bool = True
    #: Whether the lock of a check may choose its overage behaviour.
    locks_choose_overage: bool = False
    #: The rate limit group of calls that list customers and entities.
    list_limit_group: Literal["list_customers", "list_customers_old"] = "list_customers_old"
    #: What answers include in full, whatever the request's ``expand`` says.
    expands: tuple[str, ...] = (
        "subscriptions.plan",
        "purchases.plan",
        "items.feature",
        "balances.feature",
        "flags.feature",
        "balance.feature",
        "flag.feature",
        "invoices",
    )


def _same(traits: VersionTraits) -> VersionTraits:
    return traits


class VersionChanges(Struct, frozen=True):
    """Everything that one version changed, relative to the version before it."""

    #: The traits, made from those of the version before.
    traits: Callable[[VersionTraits], VersionTraits] = _same
    #: By the name of an answer struct. Objects inside the one that is passed are already in the older shape.
    answers: Mapping[str, Downgrade] = {}
    #: By the name of an endpoint.
    requests: Mapping[str, Upgrade] = {}
    #: By the name of an answer struct: attributes whose JSON key this version changed, and the new key.
    renamed: Mapping[str, Mapping[str, str]] = {}
