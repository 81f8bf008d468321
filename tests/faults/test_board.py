"""The boards of a server: armed with the startup rules, and kept when they start over."""

from __future__ import annotations

import pytest

from autumn_mock.clock import Clock
from autumn_mock.domain.organisation import Organisation
from autumn_mock.faults.board import FaultBoards
from autumn_mock.faults.grammar import parse_rule
from autumn_mock.store.environment import Environment


def _environment(org_id: str) -> Environment:
    organisation = Organisation(id=org_id, name=org_id, slug=org_id, created_at=1)
    return Environment(organisation, "sandbox", Clock(), lambda _: None)


@pytest.fixture
def boards() -> FaultBoards:
    """Boards with one startup rule for each environment."""
    return FaultBoards(Clock(), lambda name: [parse_rule(f"queue:down org={name[0]}")], lambda: None)


def _rules(boards: FaultBoards, environment: Environment) -> list[str]:
    return [armed.rule.text for armed in boards.of(environment).armed()]


@pytest.mark.parametrize("whole", [True, False])
def test_start_over_keeps_boards(boards: FaultBoards, whole: bool) -> None:
    ours, other = _environment("ours"), _environment("other")
    held = boards.of(ours)
    armed, once = held.arm(parse_rule("reply:hang")), held.once([parse_rule("reply:hang")])
    boards.of(other).arm(parse_rule("reply:hang"))
    boards.server.arm(parse_rule("reply:hang"))
    assert boards.start_over(None if whole else ours.name) == (5 if whole else 2)
    assert armed.is_disarmed
    assert once[0].is_disarmed
    held.arm(parse_rule("worker:pause"))
    assert _rules(boards, ours) == ["queue:down org=ours", "worker:pause"]
    assert _rules(boards, other) == ["queue:down org=other"] if whole else ["queue:down org=other", "reply:hang"]
    assert len(boards.server.armed()) == (0 if whole else 1)


def test_forget_disarms_the_rules_of_an_environment(boards: FaultBoards) -> None:
    environment = _environment("ours")
    [armed] = boards.of(environment).armed()
    boards.forget(environment.name)
    boards.forget(("unknown", "sandbox"))
    assert armed.is_disarmed
    assert boards.names() == []


def test_start_over_restarts_numbers(boards: FaultBoards) -> None:
    environment = _environment("ours")
    assert [boards.server.arm(parse_rule("reply:hang")).number for _ in range(2)] == [1, 2]
    assert boards.of(environment).armed()[0].number == 3
    boards.start_over()
    assert boards.of(environment).armed()[0].number == 1


def test_fired_counts_rules_that_are_cleared_deleted_or_reset_once_they_are_kept(boards: FaultBoards) -> None:
    environment = _environment("ours")
    boards.of(environment).armed()[0].fired = 2
    assert boards.fired() == {"queue:down org=ours": 2}
    boards.start_over()
    assert boards.fired() == {"queue:down org=ours": 0}
    boards.keep_fired()
    boards.of(environment).armed()[0].fired = 3
    boards.server.arm(parse_rule("reply:hang")).fired = 1
    boards.start_over()
    boards.of(environment).arm(parse_rule("worker:drop"))
    boards.forget(environment.name)
    assert boards.fired() == {"queue:down org=ours": 3, "reply:hang": 1, "worker:drop": 0}
