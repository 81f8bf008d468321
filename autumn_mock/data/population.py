"""Made-up customers: which plan they are on, when they arrived, how much they use, and when in a day and a week."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from random import Random

from msgspec import Struct

from autumn_mock.domain.feature import Feature
from autumn_mock.domain.plan import Plan
from autumn_mock.ledger.intervals import DAY, HOUR

#: The share of customers that were there before the first day, and over how many days they had come.
_SHARE_BEFORE, _DAYS_BEFORE = 0.4, 240
#: Each dearer plan has this share of the customers of the one before it.
_DEARER = 0.45
#: Shares of the paying customers: with an add-on, with a card that is declined from some day on.
_WITH_ADD_ON, _DECLINED = 0.15, 0.02
#: Shares of all customers: that change to the next plan one day, that use nothing any more after one day.
_UPGRADED, _QUIET = 0.12, 0.1
#: The use on each day of a week that begins on Monday, and in each hour of a day.
WEEK = (1.0, 1.08, 1.1, 1.06, 0.95, 0.38, 0.32)
_HOURS = (3, 2, 1, 1, 1, 2, 4, 9, 18, 27, 30, 28, 22, 26, 30, 29, 25, 19, 13, 10, 9, 8, 6, 4)
#: Hours from UTC of customers, who are mostly in Europe and in the east of America.
_ZONES = (-8, -6, -5, -5, -5, 0, 0, 1, 1, 1, 1, 1, 2, 2, 3, 8)
_MONTH_DAYS = 30
#: 1970-01-01 was a Thursday.
_FIRST_WEEKDAY = 3


class Made(Struct):
    """A made-up customer. Days are counted from the first one of the past that is generated."""

    number: int
    #: Below zero: before the first day.
    arrived: int
    zone: int
    plan: Plan
    add_on: Plan | None
    seats: int
    #: Uses on an average day, and the share of its grants that a month takes.
    rate: float
    intensity: float
    #: When the next dearer plan follows, if one does.
    upgrade: tuple[int, Plan] | None
    quiet_from: int | None
    declined_from: int | None
    region: str

    @property
    def id(self) -> str:
        return f"customer_{self.number:05}"


def main_plans(plans: Iterable[Plan]) -> list[Plan]:
    """The plans that customers may be on, the cheapest first: without add-ons, what is paid once, and archived ones."""
    found = [each for each in plans if each.is_main and not each.is_one_off and not each.archived]
    return sorted(found, key=_monthly_price)


def _monthly_price(plan: Plan) -> float:
    if plan.price is None:
        return 0.0
    return float(plan.price.amount) / (12 if plan.price.interval == "year" else 1)


def made_customers(random: Random, count: int, days: int, events_per_day: float, plans: Sequence[Plan]) -> list[Made]:
    """Customers in the order in which they arrived. ``plans``: every plan of the catalogue."""
    main = main_plans(plans)
    add_ons = [each for each in plans if each.add_on and not each.is_one_off and not each.archived]
    weights = [_DEARER**rank for rank in range(len(main))]
    days_of_arrival = sorted(_arrival(random, days) for _ in range(count))
    return [
        _made(random, number, arrived, days, events_per_day, (main, weights, add_ons))
        for number, arrived in enumerate(days_of_arrival, start=1)
    ]


def _arrival(random: Random, days: int) -> int:
    """More come every day than on the day before."""
    if random.random() < _SHARE_BEFORE:
        return -random.randint(1, _DAYS_BEFORE)
    return int(days * random.random() ** 0.7)


def _made(
    random: Random,
    number: int,
    arrived: int,
    days: int,
    events_per_day: float,
    offer: tuple[list[Plan], list[float], list[Plan]],
) -> Made:
    main, weights, add_ons = offer
    rank = random.choices(range(len(main)), weights)[0]
    plan, first = main[rank], max(arrived, 0)
    pays = not plan.is_free
    later = random.randint(first, days)
    is_upgraded = rank + 1 < len(main) and random.random() < _UPGRADED
    size = random.lognormvariate(0, 0.8)
    return Made(
        number=number,
        arrived=arrived,
        zone=random.choice(_ZONES),
        plan=plan,
        add_on=random.choice(add_ons) if add_ons and pays and random.random() < _WITH_ADD_ON else None,
        seats=1 + int(size * (rank + 1)),
        rate=events_per_day * size * (0.6 + 0.35 * rank) / 0.95,
        intensity=random.lognormvariate(-0.9, 0.7),
        upgrade=(later, main[rank + 1]) if is_upgraded else None,
        quiet_from=random.randint(first, days) if random.random() < _QUIET else None,
        declined_from=later if pays and random.random() < _DECLINED else None,
        region=random.choice(("eu", "us", "us", "apac")),
    )


def uses_of_day(random: Random, customer: Made, day: int, start: int) -> Iterator[int]:
    """The instants (ms) of a customer's uses on a day that begins (UTC) at ``start``, in no order."""
    if day < customer.arrived or (customer.quiet_from is not None and day >= customer.quiet_from):
        return
    weekday = (start // DAY + _FIRST_WEEKDAY) % 7
    wanted = customer.rate * WEEK[weekday]
    for hour in random.choices(range(24), _HOURS, k=int(random.gammavariate(2, wanted / 2) + random.random())):
        yield start + (hour - customer.zone) * HOUR + random.randrange(HOUR)


def grants_of(plan: Plan, features: Iterable[Feature]) -> dict[str, float]:
    """The features that are used on a plan, each with what a month includes; credits count as what they pay for."""
    included: dict[str, float] = {}
    for item in plan.items:
        monthly = float(item.included) or 100.0
        included[item.feature_id] = max(included.get(item.feature_id, 0), monthly)
    found: dict[str, float] = {}
    for feature in features:
        if feature.type == "metered" and feature.consumable and feature.id in included:
            found[feature.id] = included[feature.id]
        costs = [each for each in feature.credit_schema if each.credit_cost] if feature.id in included else []
        for cost in costs:
            found.setdefault(cost.metered_feature_id, included[feature.id] / len(costs) / float(cost.credit_cost or 1))
    return found


def value_of(random: Random, monthly: float, customer: Made) -> float:
    """The value of one use, of which there are several a month. Whole, unless it is small."""
    uses = max(customer.rate * _MONTH_DAYS, 1)
    value = monthly * customer.intensity / uses * random.lognormvariate(-0.1, 0.5)
    return float(round(value)) if value >= 1 else 1.0
