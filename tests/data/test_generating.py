"""Generated customers: their numbers, plans, and the daily and weekly shape of their use."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from autumn_mock.data.generating import Wanted, counts_of, generate
from autumn_mock.data.population import WEEK
from autumn_mock.input_files import InputFileError, find_file
from autumn_mock.ledger.intervals import DAY, HOUR
from autumn_mock.store.environment import Environment
from autumn_mock.worlds import read_world

#: A Sunday's evening, so that whole weeks end with it.
NOW = 1_790_539_200_000
DAYS = 56


@cache
def generated(customers: int = 120, seed: int = 1, world: str = "saas") -> tuple[bytes, Environment]:
    """The file, and the environment with the customers."""
    days: list[tuple[int, int]] = []
    wanted = Wanted(customers=customers, days=DAYS, events_per_day=1, seed=seed, now=NOW)
    state, environment = generate(read_world(find_file("world", world)), wanted, lambda *done: days.append(done))
    assert days == [(day, DAYS) for day in range(1, DAYS + 1)]
    return b"".join(state.snapshot()), environment


def test_the_same_seed_makes_the_same_file() -> None:
    def content(file: bytes) -> bytes:
        return file.partition(b'"organisations"')[2]  # what precedes it says when it was written

    first, _ = generated(customers=10)
    generated.cache_clear()
    assert content(generated(customers=10)[0]) == content(first)
    assert content(generated(customers=10, seed=2)[0]) != content(first)


def test_plans_are_like_those_of_a_business() -> None:
    _, environment = generated()
    plans = Counter(each.plan_id for each in environment.customer_plans)
    assert plans["free"] > plans["starter"] > plans["business"] > 0
    assert plans["more_credits"] > 0
    assert {each.status for each in environment.invoices} >= {"paid"}
    counts = counts_of([environment])
    assert counts["customers"] == 120
    assert counts["plans"] == len(environment.customer_plans)
    assert counts["entities"] > 120
    arrived = [each.created_at for each in environment.customers]
    assert min(arrived) < NOW - DAYS * DAY < max(arrived) <= NOW


def test_use_has_the_shape_of_days_and_weeks() -> None:
    _, environment = generated()
    times = [each.timestamp for each in environment.events.snapshot()]
    assert 120 * DAYS * 0.4 < len(times) < 120 * DAYS * 2
    assert max(times) < NOW
    weekdays = Counter((at // DAY + 3) % 7 for at in times)
    weekend = (weekdays[5] + weekdays[6]) / 2
    working_day = sum(weekdays[day] for day in range(5)) / 5
    assert weekend / working_day == pytest.approx((WEEK[5] + WEEK[6]) / 2 / (sum(WEEK[:5]) / 5), abs=0.15)
    hours = Counter(at % DAY // HOUR for at in times)
    assert max(hours.values()) > 3 * min(hours.values())
    by_customer = Counter(each.customer for each in environment.events.snapshot())
    busiest = sum(count for _, count in by_customer.most_common(12))
    assert busiest > len(times) * 0.25  # a tenth of the customers


def test_balances_are_what_the_events_of_their_period_left() -> None:
    _, environment = generated()
    taken: Counter[str] = Counter()
    for event in environment.events.snapshot():
        for each in event.deductions:
            row = environment.balances.get(each.balance_id)
            if row is not None and each.resets_at == row.next_reset_at:
                taken[each.balance_id] += int(each.value * 1000)
    rows = [row for row in environment.balances if row.id in taken]
    used = {row.id: int((row.grant + row.adjustment - row.balance) * 1000) for row in rows}
    assert len(rows) > 50
    assert used == {row.id: taken[row.id] for row in rows}


def test_another_world_keeps_its_own_customers() -> None:
    _, environment = generated(customers=5, world="default")
    assert len(environment.customers) == 10
    assert {each.name for each in environment.events.snapshot()} <= {"messages", "api_calls", "ai_messages"}


def test_a_world_without_plans_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="the sandbox has no plan that customers could be on"):
        generated(world="empty")
    (tmp_path / "none.yaml").write_text("organisations: []")
    with pytest.raises(InputFileError, match="only be generated for a world file with organisations"):
        generated(world=str(tmp_path / "none.yaml"))
