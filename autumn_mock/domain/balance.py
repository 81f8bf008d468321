"""Balances: the rows that usage is taken from."""

from __future__ import annotations

from decimal import Decimal

from autumn_mock.domain.feature import FeatureOverride
from autumn_mock.domain.plan import ItemPrice, Reset, RolloverConfig
from autumn_mock.domain.record import Instant, Record


class EntityShare(Record, frozen=True, kw_only=True):
    """One entity's part of a per-entity balance."""

    balance: Decimal
    adjustment: Decimal = Decimal(0)


class Rollover(Record, frozen=True, kw_only=True):
    """What was left of an earlier period. ``shares`` holds it per entity on a per-entity balance."""

    id: str
    balance: Decimal
    usage: Decimal = Decimal(0)
    #: None: never.
    expires_at: Instant | None = None
    #: Entity id to (balance, usage).
    shares: dict[str, tuple[Decimal, Decimal]] = {}


class Contribution(Record, frozen=True, kw_only=True):
    """What one attached plan adds to a pool."""

    customer_plan_id: str
    plan_id: str
    entity_id: str | None = None
    included: Decimal = Decimal(0)
    prepaid: Decimal = Decimal(0)
    #: Whether a subscription that is paid for renews it.
    is_paid: bool = False


class Balance(Record, frozen=True, kw_only=True):
    """One line of a breakdown: loose (``customer_plan_id`` None) or granted by a plan.

    ``balance`` is what is left, signed: below zero is overage. What was granted and what was used are never
    stored, they follow from it. On a per-entity balance (``entity_feature_id`` set) the numbers are in
    ``shares`` and ``balance`` stays 0.
    """

    id: str
    #: The owner's internal id.
    customer: str
    feature_id: str
    created_at: Instant
    balance: Decimal
    #: The grant of one period, without what was bought in advance.
    included: Decimal = Decimal(0)
    prepaid: Decimal = Decimal(0)
    #: What is bought in advance from the next period on, if it is less.
    next_prepaid: Decimal | None = None
    #: What edits added to the grant since the previous reset.
    adjustment: Decimal = Decimal(0)
    unlimited: bool = False
    #: The caller's own id for a loose balance, shown instead of ``id``.
    external_id: str | None = None
    customer_plan_id: str | None = None
    plan_id: str | None = None
    add_on: bool = False
    #: The entity that owns it alone.
    entity_id: str | None = None
    #: Whether its price bills usage beyond zero.
    usage_allowed: bool = False
    #: How far beyond its grant a priced row may be used, counted from zero usage.
    usage_limit: Decimal | None = None
    reset: Reset | None = None
    next_reset_at: Instant | None = None
    expires_at: Instant | None = None
    price: ItemPrice | None = None
    rollover: RolloverConfig | None = None
    #: What its plan changes of the feature.
    feature_override: FeatureOverride | None = None
    rollovers: tuple[Rollover, ...] = ()
    entity_feature_id: str | None = None
    shares: dict[str, EntityShare] = {}
    #: What entities took in this period while their customer held shares for them.
    drawn: dict[str, Decimal] = {}
    #: Whether it is of a licence; the customer does not see it.
    is_licensed: bool = False
    #: What plans add to it, if it is a pool: it then belongs to none of them, and its grant is their sum.
    pool: tuple[Contribution, ...] = ()

    @property
    def grant(self) -> Decimal:
        """What a period starts with (for each entity, on a per-entity balance)."""
        return self.included + self.prepaid

    @property
    def is_loose(self) -> bool:
        return self.customer_plan_id is None and not self.pool

    @property
    def is_per_entity(self) -> bool:
        return self.entity_feature_id is not None

    @property
    def is_entity_level(self) -> bool:
        """Owned by one entity, or split over entities."""
        return self.entity_feature_id is not None or self.entity_id is not None
