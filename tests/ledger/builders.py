"""Accounts for tests: small builders with defaults, and hypothesis strategies that mix every kind of row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from autumn_mock.domain.balance import Balance, EntityShare, Rollover
from autumn_mock.domain.controls import BillingControls, OverageAllowed, SpendLimit, UsageLimit, UsageWindow
from autumn_mock.domain.customer import Customer, CustomerPlan, Entity
from autumn_mock.domain.feature import Feature, FeatureType
from autumn_mock.domain.lock import Lock, Mutation
from autumn_mock.domain.organisation import OrganisationConfig
from autumn_mock.domain.plan import Interval, ItemPrice, Reset, RolloverConfig
from autumn_mock.domain.rate_card import CreditCost
from autumn_mock.ledger.account import Account, raw_balance
from autumn_mock.ledger.deduction import Behaviour, deduct
from autumn_mock.ledger.intervals import DAY

#: 15 January 2027, 08:00 UTC.
NOW = 1_800_000_000_000
OWNER = "cus_1"

Number = int | float | str | Decimal


def dec(value: Number) -> Decimal:
    """A decimal, as it is written."""
    return value if isinstance(value, Decimal) else Decimal(str(value))


def feature(
    feature_id: str = "messages",
    *,
    kind: FeatureType = "metered",
    consumable: bool = True,
    costs: Mapping[str, Number] | None = None,
    events: tuple[str, ...] = (),
) -> Feature:
    """A feature; ``costs`` makes it a credit system."""
    return Feature(
        id=feature_id,
        name=feature_id,
        type="credit_system" if costs else kind,
        consumable=consumable,
        created_at=0,
        event_names=events,
        credit_schema=tuple(CreditCost(metered_feature_id=k, credit_cost=dec(v)) for k, v in (costs or {}).items()),
    )


MESSAGES = feature("messages")
SEATS = feature("seats", consumable=False)
ACTION1 = feature("action1")
ACTION2 = feature("action2")
CREDITS = feature("credits", costs={"action1": "0.2", "action2": "0.6"})
FLAG = feature("sso", kind="boolean", consumable=False)
FEATURES = (MESSAGES, SEATS, ACTION1, ACTION2, CREDITS, FLAG)


def balance(
    included: Number = 100,
    *,
    row_id: str = "row",
    feature_id: str = "messages",
    left: Number | None = None,
    prepaid: Number = 0,
    adjustment: Number = 0,
    plan: str | None = "plan",
    add_on: bool = False,
    interval: Interval | None = "month",
    interval_count: int = 1,
    next_reset_at: int | None = None,
    expires_at: int | None = None,
    created_at: int = 0,
    unlimited: bool = False,
    priced: bool = False,
    max_purchase: Number | None = None,
    entity_id: str | None = None,
    entity_feature_id: str | None = None,
    shares: Mapping[str, Number] | None = None,
    rollover: RolloverConfig | None = None,
    rollovers: Iterable[Rollover] = (),
) -> Balance:
    """A row, full unless ``left`` says what is left. ``plan`` None: loose. ``priced``: usage is billed beyond zero.

    ``interval`` None (or one_off): never reset; else it will be in a day unless ``next_reset_at`` says when.
    """
    grant = dec(included) + dec(prepaid)
    resets = interval not in (None, "one_off") and not unlimited
    price = ItemPrice(interval="month", billing_method="usage_based", price_id="price", amount=Decimal(1))
    return Balance(
        id=row_id,
        customer=OWNER,
        feature_id=feature_id,
        created_at=created_at,
        balance=Decimal(0) if unlimited or entity_feature_id else grant if left is None else dec(left),
        included=dec(included),
        prepaid=dec(prepaid),
        adjustment=dec(adjustment),
        unlimited=unlimited,
        customer_plan_id=None if plan is None else f"attached_{plan}",
        plan_id=plan,
        add_on=add_on,
        entity_id=entity_id,
        usage_allowed=priced,
        usage_limit=dec(included) + dec(max_purchase) if max_purchase is not None else None,
        reset=Reset(interval=interval, interval_count=interval_count) if interval is not None else None,
        next_reset_at=(next_reset_at or NOW + DAY) if resets else None,
        expires_at=expires_at,
        price=price if priced else None,
        rollover=rollover,
        rollovers=tuple(rollovers),
        entity_feature_id=entity_feature_id,
        shares={name: EntityShare(balance=dec(value)) for name, value in (shares or {}).items()},
    )


def rollover(left: Number, *, rollover_id: str = "roll", used: Number = 0, expires_at: int | None = None) -> Rollover:
    """What is left of an earlier period."""
    return Rollover(id=rollover_id, balance=dec(left), usage=dec(used), expires_at=expires_at)


def entity(entity_id: str, *, feature_id: str = "seats", controls: BillingControls | None = None) -> Entity:
    """An entity of the customer."""
    return Entity(
        internal_id=f"ety_{entity_id}",
        id=entity_id,
        customer=OWNER,
        feature_id=feature_id,
        created_at=0,
        billing_controls=controls or BillingControls(),
    )


def spend_limit(limit: Number, *, feature_id: str | None = "messages") -> SpendLimit:
    return SpendLimit(feature_id=feature_id, enabled=True, overage_limit=dec(limit))


def usage_limit(limit: Number, *, feature_id: str = "messages", filter_: dict[str, Any] | None = None) -> UsageLimit:
    return UsageLimit(feature_id=feature_id, limit=dec(limit), interval="day", filter=filter_)


def account(
    *rows: Balance,
    features: Iterable[Feature] = FEATURES,
    entities: Iterable[Entity] = (),
    plans: Iterable[CustomerPlan] = (),
    windows: Iterable[UsageWindow] = (),
    controls: BillingControls | None = None,
    pooled: bool = True,
    config: OrganisationConfig | None = None,
    now: int = NOW,
    hides_drained: bool = True,
) -> Account:
    """An account that holds ``rows``."""
    return Account(
        customer=Customer(
            internal_id=OWNER,
            id="customer",
            created_at=0,
            billing_controls=controls or BillingControls(),
            config={} if pooled else {"disable_pooled_balance": True},
        ),
        rows={row.id: row for row in rows},
        entities={each.id: each for each in entities},
        plans={plan.id: plan for plan in plans},
        windows={window.id: window for window in windows},
        features={each.id: each for each in features},
        config=config or OrganisationConfig(),
        now=now,
        hides_drained=hides_drained,
    )


def copy(original: Account, *, now: int | None = None) -> Account:
    """The account as another call would open it after everything was stored."""
    return Account(
        customer=original.customer,
        rows=dict(original.rows),
        entities=original.entities,
        plans=original.plans,
        windows=dict(original.windows),
        features=original.features,
        config=original.config,
        now=original.now if now is None else now,
        hides_drained=original.hides_drained,
    )


def take(
    target: Account,
    value: Number,
    feature_id: str = "messages",
    *,
    who: str | None = None,
    behaviour: Behaviour = "cap",
    properties: Mapping[str, Any] | None = None,
) -> list[Mutation]:
    """Deduct, by ids."""
    return deduct(
        target,
        target.features[feature_id],
        dec(value),
        entity=target.entities[who] if who is not None else None,
        behaviour=behaviour,
        properties=properties,
    )


def hold(target: Account, value: Number, feature_id: str = "messages", *, who: str | None = None) -> Lock:
    """Deduct and keep the receipt."""
    return receipt(take(target, value, feature_id, who=who), feature_id, who=who)


def receipt(mutations: Iterable[Mutation], feature_id: str = "messages", *, who: str | None = None) -> Lock:
    """The receipt of steps that were made."""
    return Lock(
        id="lock",
        customer=OWNER,
        feature_id=feature_id,
        entity_id=who,
        created_at=NOW,
        forgotten_at=NOW + DAY,
        mutations=tuple(mutations),
    )


def left_in(target: Account, row_id: str = "row", share: str | None = None) -> Number:
    """What is left in one number of a row, signed."""
    return raw_balance(target.rows[row_id], share)


# -- strategies

#: Costs of one ``action1`` in credits: finite and repeating reciprocals, cheaper and dearer than a unit.
COSTS = ("0.2", "0.5", "1", "2", "4", "3", "0.7")
#: Those whose reciprocal is a finite decimal, so that conversion there and back is exact.
EXACT_COSTS = ("0.2", "0.5", "1", "2", "4")

whole = st.integers(0, 12).map(Decimal)
fractions = st.decimals(min_value=0, max_value=50, places=2, allow_nan=False, allow_infinity=False)
amounts = st.one_of(whole, fractions)
positive = amounts.filter(lambda value: value > 0)
behaviours: st.SearchStrategy[Behaviour] = st.sampled_from(["cap", "reject", "overflow"])


@dataclass
class Case:
    """An account, and a call to be made on it."""

    account: Account
    feature: Feature
    entity: Entity | None

    def again(self) -> Case:
        """The same, untouched."""
        return Case(copy(self.account), self.feature, self.entity)

    def take(self, value: Decimal, behaviour: Behaviour = "cap") -> list[Mutation]:
        return deduct(self.account, self.feature, value, entity=self.entity, behaviour=behaviour)

    @property
    def who(self) -> str | None:
        return self.entity.id if self.entity is not None else None


@st.composite
def rollover_lists(draw: st.DrawFn, row_id: str, shares: tuple[str, ...] = ()) -> tuple[Rollover, ...]:
    """Up to two rollovers of one row."""
    made = []
    for index in range(draw(st.integers(0, 2))):
        expiry = draw(st.sampled_from([None, NOW + DAY, NOW + 9 * DAY]))
        held = {name: (draw(amounts), draw(whole)) for name in shares}
        made.append(
            Rollover(
                id=f"{row_id}_roll{index}",
                balance=Decimal(0) if shares else draw(amounts),
                usage=Decimal(0) if shares else draw(whole),
                expires_at=expiry,
                shares=held,
            )
        )
    return tuple(made)


@st.composite
def balances(draw: st.DrawFn, row_id: str, feature_ids: tuple[str, ...], *, unlimited: bool = True) -> Balance:
    """A row of any kind, with anything left in it."""
    kinds = ["loose", "loose", "plan", "plan", "priced", "capped", "owned", "split", *(["unlimited"] * unlimited)]
    kind = draw(st.sampled_from(kinds))
    grant = draw(amounts)
    left = draw(st.one_of(st.just(grant), st.just(Decimal(0)), amounts.map(lambda v: min(v, grant)), whole.map(neg)))
    shares = {name: min(draw(amounts), grant) for name in ("e1", "e2")} if kind == "split" else {}
    return balance(
        grant,
        row_id=row_id,
        feature_id=draw(st.sampled_from(feature_ids)),
        left=left,
        plan=None if kind in ("loose", "owned") else "plan",
        add_on=kind == "plan" and draw(st.booleans()),
        interval=draw(st.sampled_from(["one_off", "day", "month"])) if kind != "unlimited" else None,
        next_reset_at=NOW + draw(st.sampled_from([1, 2, 3])) * DAY // 2,
        expires_at=draw(st.sampled_from([None, None, NOW + DAY, NOW + 2 * DAY])) if kind == "loose" else None,
        created_at=draw(st.integers(0, 3)),
        unlimited=kind == "unlimited",
        priced=kind in ("priced", "capped"),
        max_purchase=draw(whole) if kind == "capped" else None,
        entity_id="e1" if kind == "owned" else None,
        entity_feature_id="seats" if kind == "split" else None,
        shares=shares,
        rollovers=draw(rollover_lists(row_id, tuple(shares))),
    )


def neg(value: Decimal) -> Decimal:
    return -value


@st.composite
def control_sets(draw: st.DrawFn, *, usage: bool = True, spend: bool = True, overage: bool = True) -> BillingControls:
    """What a customer set on top."""
    usage_limits = spend_limits = allowed = None
    if usage and draw(st.booleans()):
        chosen = draw(st.lists(st.sampled_from(["action1", "credits", "seats"]), unique=True, max_size=2))
        usage_limits = tuple(usage_limit(draw(amounts), feature_id=each) for each in chosen)
    if spend and draw(st.booleans()):
        spend_limits = (spend_limit(draw(amounts), feature_id=draw(st.sampled_from(["action1", "credits", None]))),)
    if overage and draw(st.booleans()):
        allowed = (OverageAllowed(feature_id="action1", enabled=draw(st.booleans())),)
    return BillingControls(usage_limits=usage_limits, spend_limits=spend_limits, overage_allowed=allowed)


@st.composite
def cases(
    draw: st.DrawFn,
    *,
    costs: tuple[str, ...] = COSTS,
    unlimited: bool = True,
    usage: bool = True,
    spend: bool = True,
    overage: bool = True,
    credit_rows: bool = True,
) -> Case:
    """An account of up to five rows of every kind, and whom and what a call is about."""
    credits = feature("credits", costs={"action1": draw(st.sampled_from(costs))})
    feature_ids = ("action1", "action1", "credits", "seats") if credit_rows else ("action1",)
    count = draw(st.integers(1, 5))
    rows = [draw(balances(f"row{index}", feature_ids, unlimited=unlimited)) for index in range(count)]
    made = account(
        *rows,
        features=(ACTION1, credits, SEATS),
        entities=(entity("e1"), entity("e2")),
        controls=draw(control_sets(usage=usage, spend=spend, overage=overage)),
        hides_drained=draw(st.booleans()),
    )
    tracked = draw(
        st.sampled_from(["action1", "action1", "action1", "credits", "seats"] if credit_rows else ["action1"])
    )
    who = draw(st.sampled_from([None, None, "e1", "e2"]))
    return Case(made, made.features[tracked], made.entities[who] if who else None)
