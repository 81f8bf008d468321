"""A generated past: customers come, use features, change plans and are billed, day by day, through the operations.

The past is played in order of time, so balances, resets, renewals, invoices and events belong together as on a server
that was running all the while. The same seed and the same present make the same data.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from random import Random

from msgspec import Struct
from msgspec.structs import replace

from autumn_mock.clock import Clock
from autumn_mock.data.population import Made, grants_of, made_customers, main_plans, uses_of_day, value_of
from autumn_mock.domain.plan import Plan
from autumn_mock.domain.track import TrackItem
from autumn_mock.domain.version import Version
from autumn_mock.ids import SeededIds, ids_from
from autumn_mock.input_files import InputFileError
from autumn_mock.ledger.intervals import DAY, HOUR
from autumn_mock.operations import customers, entities
from autumn_mock.operations.billing import attach
from autumn_mock.operations.billing.payment_methods import set_payment_method
from autumn_mock.operations.call import Call, CallEffects
from autumn_mock.operations.track import record
from autumn_mock.store.environment import Environment
from autumn_mock.store.state import State
from autumn_mock.wire.requests.billing import BillingAttach
from autumn_mock.wire.requests.customers import CustomersGetOrCreate
from autumn_mock.wire.requests.entities import EntitiesCreate
from autumn_mock.worlds import World, seed

#: Called with the number of days that are done, and how many there are.
Progress = Callable[[int, int], None]
#: The share of the uses that an entity makes, where there are some.
_BY_ENTITIES = 0.6
_MOST_SEATS = 30
_SOURCES = ("api", "api", "api", "app", "batch")


class Wanted(Struct, frozen=True):
    """What is generated."""

    customers: int
    days: int
    #: Of a customer of average size.
    events_per_day: float
    seed: int
    #: The present (ms), which is the end of the past.
    now: int


def generate(world: World, wanted: Wanted, progress: Progress) -> tuple[State, Environment]:
    """A state with a world, and customers with a past in the sandbox of its first organisation.

    Raises :class:`InputFileError` for a world that has no plan or no feature for them.
    """
    ids = SeededIds(wanted.seed)
    now = wanted.now
    with ids_from(ids):
        state = State(Clock(lambda: now))
        seed(state, world)
    if not world.organisations:
        raise InputFileError(f"{world.file.path}: customers can only be generated for a world file with organisations")
    environment = state.environment(world.organisations[0].id, "sandbox")
    plans = list({each.id: each for each in environment.plans}.values())
    if not main_plans(plans):
        raise InputFileError(f"{world.file.path}: the sandbox has no plan that customers could be on")
    play = _Past(environment, wanted, plans)
    for day in range(wanted.days):
        with ids_from(ids):
            play.day(day)
        progress(day + 1, wanted.days)
    with ids_from(ids):
        play.settle()
    return state, environment


class _Past:
    """The days of the past."""

    def __init__(self, environment: Environment, wanted: Wanted, plans: list[Plan]) -> None:
        self._random = Random(wanted.seed)  # noqa: S311  # reproducible, not a secret
        self._call = Call(environment, Version.NEWEST, wanted.now)
        self._now = wanted.now
        #: When the first day begins (UTC); the final one is today.
        self._start = wanted.now // DAY * DAY - (wanted.days - 1) * DAY
        self._all = made_customers(self._random, wanted.customers, wanted.days, wanted.events_per_day, plans)
        features = list(environment.features)
        self._grants = {plan.id: grants_of(plan, features) for plan in plans}
        held = {each.id for each in features if each.type == "metered" and not each.consumable}
        self._seats = {plan.id: [each.feature_id for each in plan.items if each.feature_id in held] for plan in plans}
        self._plan_of: dict[int, Plan] = {}
        self._entities: dict[int, list[str]] = defaultdict(list)

    def day(self, day: int) -> None:
        """Let a day pass: arrivals (on the first day of all earlier ones, too), changes, uses."""
        start = self._start + day * DAY
        uses: list[tuple[int, int]] = []
        for customer in self._all:
            if customer.arrived == day or (day == 0 and customer.arrived < 0):
                self._arrive(customer, self._start + customer.arrived * DAY)
            self._change(customer, day, start)
            uses += [(at, customer.number) for at in uses_of_day(self._random, customer, day, start)]
        uses.sort()
        for at, number in uses:
            if self._start <= at < self._now:
                self._use(self._all[number - 1], at)

    def settle(self) -> None:
        """Apply what is due up to the present."""
        for customer in self._all:
            customers.get(self._call, customer.id)

    def _at(self, instant: int) -> Call:
        return replace(self._call, now=min(instant, self._now), effects=CallEffects())

    def _arrive(self, customer: Made, start: int) -> None:
        call = self._at(start + (9 - customer.zone) * HOUR + self._random.randrange(8 * HOUR))
        created = CustomersGetOrCreate(
            customer_id=customer.id,
            name=f"Company {customer.number}",
            email=f"billing@company-{customer.number}.example",
            metadata={"region": customer.region},
        )
        customers.get_or_create(call, created)
        if not customer.plan.is_free:
            set_payment_method(call, customer.id, "ok")
        self._attach(call, customer, customer.plan)
        if customer.add_on is not None:
            self._attach(call, customer, customer.add_on)
        features = self._seats[customer.plan.id]
        for number in range(min(customer.seats, _MOST_SEATS) if features else 0):
            name = f"seat_{number + 1}"
            sent = EntitiesCreate(
                customer_id=customer.id, entity_id=name, feature_id=features[0], name=f"Seat {number + 1}"
            )
            entities.create(call, sent)
            self._entities[customer.number].append(name)

    def _attach(self, call: Call, customer: Made, plan: Plan) -> None:
        account = customers.get(call, customer.id)
        if all(each.plan_id != plan.id for each in account.plans.values()):
            attach.attach(call, BillingAttach(customer_id=customer.id, plan_id=plan.id))
        if plan.is_main:
            self._plan_of[customer.number] = plan

    def _change(self, customer: Made, day: int, start: int) -> None:
        call = self._at(start + 12 * HOUR)
        if customer.upgrade is not None and customer.upgrade[0] == day > customer.arrived:
            set_payment_method(call, customer.id, "ok")
            self._attach(call, customer, customer.upgrade[1])
        if customer.declined_from == day > customer.arrived:
            set_payment_method(call, customer.id, "declines")

    def _use(self, customer: Made, at: int) -> None:
        grants = self._grants[self._plan_of[customer.number].id]
        if not grants:
            return
        random = self._random
        feature_id = random.choice(list(grants))
        seats = self._entities[customer.number]
        item = TrackItem(
            customer_id=customer.id,
            feature_id=feature_id,
            entity_id=random.choice(seats) if seats and random.random() < _BY_ENTITIES else None,
            value=value_of(random, grants[feature_id], customer),
            properties={"region": customer.region, "source": random.choice(_SOURCES)},
            timestamp=at,
        )
        record(self._at(at), item)


def counts_of(environments: Iterable[Environment]) -> dict[str, int]:
    """How many records of the kinds that people ask about there are."""
    names = ("customers", "entities", "customer_plans", "balances", "invoices", "events")
    counts = dict.fromkeys(names, 0)
    for environment in environments:
        for name in names:
            counts[name] += len(environment.tables[name])
    return {("plans" if name == "customer_plans" else name): count for name, count in counts.items()}
