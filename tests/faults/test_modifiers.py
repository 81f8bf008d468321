"""Every modifier with every kind that accepts it, without a server."""

from __future__ import annotations

import pytest

from autumn_mock.clock import Clock
from autumn_mock.domain.payment import CardCharge
from autumn_mock.domain.track import TrackItem
from autumn_mock.faults.armed import ArmedRule, Subject
from autumn_mock.faults.board import FaultBoard
from autumn_mock.faults.grammar import parse_rule
from autumn_mock.faults.kinds import FAULT_KINDS
from autumn_mock.faults.options import MODIFIERS
from autumn_mock.faults.sites import AuthFault, EnqueueFault, LimitFault, PaymentFault, WorkerFault

_ITEM = TrackItem(customer_id="cus_1", feature_id="messages")
_CALL = Subject.of_items(("org_1", "acme"), ("balances.batch_track",), (_ITEM,))

#: Each kind as a rule that fires on every match, unless a modifier says otherwise.
_ALWAYS = {"queue:flap": "queue:flap down=100 up=1", "worker:slow": "worker:slow rate=1/s"}


class _Board:
    """A board with one rule, and a frozen clock."""

    def __init__(self, text: str) -> None:
        self.clock = Clock(lambda: 1_800_000_000_000)
        self.board = FaultBoard(self.clock)
        self.rule = self.board.arm(parse_rule(text))

    def fires(self) -> bool:
        """Whether a rule fires on one more batch of one item, on its message, or on a charge that it leads to."""
        board, rule = self.board, self.rule
        if isinstance(rule, EnqueueFault):
            return bool(board.refusals([_ITEM], _CALL))
        if isinstance(rule, WorkerFault):
            before = sum(each.fired for each in board.armed())
            board.effects_on(_ITEM, self.clock.now(), _CALL)
            return sum(each.fired for each in board.armed()) > before
        if isinstance(rule, PaymentFault):
            charge = CardCharge(occasion=min(rule.occasions), customer_id="cus_1", feature_id="messages")
            return board.charges(_CALL.orgs, _CALL.calls)(charge) is not None
        triggered = board.trigger(type(rule), _CALL)
        for each in triggered:
            if isinstance(each, LimitFault):
                board.limit_refused(each)
        return bool(triggered)

    def six(self) -> str:
        return "".join("x" if self.fires() else "." for _ in range(6))


def _text(kind: type[ArmedRule]) -> str:
    return _ALWAYS.get(kind.name) or " ".join(kind.example.split()[: 1 + bool(kind.argument)])


def _accepts(kind: type[ArmedRule], modifiers: str) -> bool:
    """Whether the kind has the modifiers, and not options of its own with their names."""
    own = {option.name for option in kind.own_options}
    names = {word.partition("=")[0] for word in modifiers.split()}
    return names <= kind.options_by_name().keys() - own


_WHEN = {
    "times=2": "xx....",
    "after=2": "..xxxx",
    "every=3": "..x..x",
    "rate=0.5 seed=42": ".xxx..",
    "after=1 every=2 times=1": "..x...",
    "rate=1 times=1 seed=1": "x.....",
    "rate=0 seed=1": "......",
    "org=org_1": "xxxxxx",
    "org=acme": "xxxxxx",
    "org=acm": "......",
    "customer=cus_1": "xxxxxx",
    "customer=cus_2": "......",
    "feature=messages": "xxxxxx",
    "feature=words": "......",
    "route=balances.batch_track": "xxxxxx",
    "route=/v1/balances.batch_track": "xxxxxx",
    "route=*.batch_*": "xxxxxx",
    "route=balances.track": "......",
}


def test_modifiers_are_all_tested() -> None:
    assert {word.partition("=")[0] for modifiers in _WHEN for word in modifiers.split()} | {"ttl"} == set(MODIFIERS)


@pytest.mark.parametrize(
    ("kind", "modifiers"),
    [(kind, modifiers) for kind in FAULT_KINDS.values() for modifiers in _WHEN if _accepts(kind, modifiers)],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_modifiers_select_matches(kind: type[ArmedRule], modifiers: str) -> None:
    armed = _Board(f"{_text(kind)} {modifiers}")
    assert armed.six() == _WHEN[modifiers]
    assert armed.rule.fired == _WHEN[modifiers].count("x")
    assert armed.rule.completed == ("times" in modifiers)


@pytest.mark.parametrize("kind", FAULT_KINDS.values(), ids=list(FAULT_KINDS))
def test_ttl_ends_on_the_clock_of_the_board(kind: type[ArmedRule]) -> None:
    armed = _Board(f"{_text(kind)} ttl=30s")
    assert armed.fires()
    armed.clock.advance(29_999)
    assert (armed.fires(), armed.rule.remaining, armed.rule.completed) == (True, None, False)
    armed.clock.advance(1)
    assert (armed.fires(), armed.rule.remaining, armed.rule.completed) == (False, 0, True)


@pytest.mark.parametrize("kind", FAULT_KINDS.values(), ids=list(FAULT_KINDS))
def test_clear_ends_a_rule(kind: type[ArmedRule]) -> None:
    armed = _Board(_text(kind))
    assert armed.fires()
    assert (armed.board.clear(armed.rule.number), list(armed.board.armed())) == (1, [])
    assert (armed.fires(), armed.rule.remaining, armed.rule.completed) == (False, 0, True)
    assert armed.board.clear() == 0


@pytest.mark.parametrize("kind", FAULT_KINDS.values(), ids=list(FAULT_KINDS))
def test_rules_of_one_kind_count_separately(kind: type[ArmedRule]) -> None:
    armed = _Board(f"{_text(kind)} times=1")
    second = armed.board.arm(parse_rule(f"{_text(kind)} times=2"))
    assert armed.six().startswith("xx")
    assert (armed.rule.fired, second.fired) == (1, 2)
    assert (armed.rule.number, second.number) == (1, 2)


@pytest.mark.parametrize("call", ["track", "balances.track", "balances.track_tokens", "balances.batch_track_tokens"])
def test_route_matches_any_name_of_a_call(call: str) -> None:
    armed = _Board(f"auth:revoke route=/v1/{call}")
    assert not armed.board.trigger(AuthFault, Subject.of_items((), ("another",), ()))
    assert armed.board.trigger(AuthFault, Subject.of_items((), ("another", call), ()))
