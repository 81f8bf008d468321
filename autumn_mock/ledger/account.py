"""What a deduction reads: everything of one customer, and which rows count for which entity.

Rows (:class:`~autumn_mock.domain.balance.Balance`) belong to the customer as a whole, to one entity, or are split
over the entities of a feature ("per entity"). A call names a customer, and perhaps an entity:

===============  ==========================================================================================
call names       rows that count
===============  ==========================================================================================
customer alone   the customer's own rows, and the per-entity rows with the shares of all entities
an entity        the rows it owns, its share of per-entity rows, and all of the customer's own rows
===============  ==========================================================================================

Of a feature that combines by ``max`` or ``min`` only the highest, or lowest, free grant of a plan counts. What was
used of the others is not carried to it.

A row counts until it expires. A loose row that is drained to exactly zero counts no more: reads hide it, and a
later refund does not find it. (Versions below 2.1 still see it.)

Example: a customer has 10 messages of its own, entity ``e1`` owns 5. A call with ``e1`` sees 15, a call without
an entity can spend 10.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from msgspec import Struct, field
from msgspec.structs import replace

from autumn_mock.domain.amount import INFINITE
from autumn_mock.domain.balance import Balance, EntityShare
from autumn_mock.domain.controls import UsageAlert, UsageWindow
from autumn_mock.domain.customer import Customer, CustomerPlan, Entity
from autumn_mock.domain.feature import Feature
from autumn_mock.domain.organisation import OrganisationConfig
from autumn_mock.domain.rate_card import CreditCost


class Account(Struct):
    """A working copy of one customer. The ledger puts changed rows into it; its creator stores them."""

    customer: Customer
    rows: dict[str, Balance]
    entities: Mapping[str, Entity]
    plans: Mapping[str, CustomerPlan]
    windows: dict[str, UsageWindow]
    features: Mapping[str, Feature]
    config: OrganisationConfig
    now: int
    #: Alerts of the organisation that watch every customer.
    common_alerts: tuple[UsageAlert, ...] = ()
    #: Whether drained loose rows are hidden (version 2.1 and newer).
    hides_drained: bool = True
    #: Rows and windows that differ from what was loaded.
    changed: dict[str, Balance] = field(default_factory=dict)
    changed_windows: dict[str, UsageWindow] = field(default_factory=dict)
    #: Row ids in the order they are spent, by (feature, entity): what decides it does not change while usage is taken.
    spending_order: dict[tuple[str, str | None], list[str]] = field(default_factory=dict)
    #: Whether a usage limit exists that may bind an entity (or, None, the customer): does not change either.
    usage_limited: dict[str | None, bool] = field(default_factory=dict)

    def put(self, row: Balance) -> None:
        """Keep a changed row."""
        self.rows[row.id] = row
        self.changed[row.id] = row

    def put_window(self, window: UsageWindow) -> None:
        """Keep a changed counter."""
        self.windows[window.id] = window
        self.changed_windows[window.id] = window

    def visible(self, entity: Entity | None, *, drained: bool = False) -> list[Balance]:
        """The rows that count for a call, in no particular order; ``drained``: and those that are hidden."""
        rows = [
            row
            for row in self.rows.values()
            if not self.is_expired(row) and (drained or not self.is_hidden(row)) and self._belongs(row, entity)
        ]
        features = self.features
        for row in rows:
            if features[row.feature_id].combine != "sum":
                return self._combined(rows)
        return rows

    def _combined(self, rows: list[Balance]) -> list[Balance]:
        """The rows without those that others outdo, where only the highest, or lowest, grant of a feature counts.

        Those are grants of plans without a price; others count always.
        """
        best: dict[str, Balance] = {}
        rivals = [row for row in rows if not row.is_loose and row.price is None]
        for row in rivals:
            sign = {"max": 1, "min": -1, "sum": 0}[self.features[row.feature_id].combine]
            kept = best.get(row.feature_id)
            if sign and (kept is None or sign * _size(row) > sign * _size(kept)):
                best[row.feature_id] = row
        outdone = {row.id for row in rivals if row is not best.get(row.feature_id, row)}
        return [row for row in rows if row.id not in outdone]

    def owned_by_entities(self, feature_id: str | None = None) -> list[Balance]:
        """Rows of a feature, or of all, that entities own alone: a customer sees their sum, drained or not, but cannot
        spend it."""
        return [
            row
            for row in self.rows.values()
            if row.entity_id is not None
            and feature_id in (None, row.feature_id)
            and not row.is_licensed
            and not self.is_expired(row)
        ]

    def is_expired(self, row: Balance) -> bool:
        """Whether a row is past its expiry and no longer counts."""
        return row.expires_at is not None and row.expires_at <= self.now

    def is_live(self, row: Balance) -> bool:
        """Whether a row still counts."""
        return not self.is_expired(row) and not self.is_hidden(row)

    def is_hidden(self, row: Balance) -> bool:
        """Whether a row is a loose one that is drained."""
        return (
            self.hides_drained
            and not row.balance
            and row.is_loose
            and not row.unlimited
            and not self.features[row.feature_id].is_boolean
        )

    def _belongs(self, row: Balance, entity: Entity | None) -> bool:
        if entity is None:
            return row.entity_id is None
        if row.entity_id is not None:
            return row.entity_id == entity.id
        if row.entity_feature_id is not None:
            return row.entity_feature_id == entity.feature_id and (not row.shares or entity.id in row.shares)
        return not self.customer.config.get("disable_pooled_balance")

    def relevant_features(self, feature: Feature) -> list[Feature]:
        """The features whose rows can pay for ``feature``: itself, then every credit system that lists it."""
        return [feature, *self.credit_systems(feature)]

    def credit_systems(self, feature: Feature) -> list[Feature]:
        """Every credit system that lists ``feature``, or that a plan of the customer adds it to. One level up only."""
        rows = self.rows.values() if self.has_overrides else ()
        added = {row.feature_id for row in rows if self.cost_of(row, feature.id) is not None}
        return [
            system
            for system in self.features.values()
            if system.is_credit_system
            and system.id != feature.id
            and (system.cost_of(feature.id) is not None or system.id in added)
        ]

    @property
    def has_overrides(self) -> bool:
        """Whether a plan of the customer has rates of its own; mostly none has."""
        for row in self.rows.values():  # noqa: SIM110  # any() with a generator takes twice as long, in every call
            if row.feature_override is not None:
                return True
        return False

    def cost_of(self, row: Balance, feature_id: str) -> CreditCost | None:
        """By which row of a rate card ``row`` pays for another feature; None: it does not.

        The plan that granted it may have a rate of its own.
        """
        entry = row.feature_override.cost_of(feature_id) if row.feature_override is not None else None
        if entry is None:
            return self.features[row.feature_id].cost_of(feature_id)
        return None if entry.is_excluded else entry


def _size(row: Balance) -> Decimal:
    return INFINITE if row.unlimited else row.grant


def share_ids(row: Balance, entity: Entity | None) -> Iterable[str | None]:
    """The shares of a row that a call may change, by entity id in order; ``(None,)`` for a row that is not divided."""
    if not row.is_per_entity:
        return (None,)
    if entity is not None:
        return (entity.id,)
    return sorted(row.shares)


def raw_balance(row: Balance, share: str | None) -> Decimal:
    """What is left of a row, or of an entity's share of it; below zero is overage."""
    if share is None:
        return row.balance
    held = row.shares.get(share)
    return row.grant if held is None else held.balance


def ceiling(row: Balance, share: str | None) -> Decimal:
    """How far a refund may raise a row, or a share of it: its grant, edits included."""
    if share is None:
        return row.grant + row.adjustment
    held = row.shares.get(share)
    return row.grant + (held.adjustment if held is not None else Decimal(0))


def with_balance(row: Balance, share: str | None, balance: Decimal) -> Balance:
    """The row with one of its numbers set."""
    if share is None:
        return replace(row, balance=balance)
    held = row.shares.get(share)
    if held is None:
        held = EntityShare(balance=balance)
    else:
        held = replace(held, balance=balance)
    return replace(row, shares={**row.shares, share: held})


def raw_balances(row: Balance, entity: Entity | None) -> Iterator[Decimal]:
    """All numbers of a row that a call may see, signed."""
    for share in share_ids(row, entity):
        yield raw_balance(row, share)
