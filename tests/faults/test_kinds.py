"""Every rule of ``cases`` on a server: the bytes on the wire, the counters, the journal, the report of the rule.

Each case is played once, armed in one way; each way of arming is used at least once at each site.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Literal, get_args

import pytest

from autumn_mock import create_app
from autumn_mock.docs import topics
from autumn_mock.engine import Engine
from autumn_mock.faults import kinds
from autumn_mock.faults.armed import ArmedRule
from autumn_mock.faults.grammar import parse_rule
from autumn_mock.faults.kinds import FAULT_KINDS
from autumn_mock.faults.options import MODIFIERS, PHASE
from autumn_mock.faults.sites import ReplyPlan
from tests.docs.reference import fault_kinds, fault_options
from tests.faults.cases import CASES, Case
from tests.faults.harness import Target, organisation, write_world
from tests.support.client import AppClient
from tests.support.server import ServerProcess

#: ``serve --fault``; ``POST /_mock/faults`` with and without a key; the header; a world's environment and customer.
Way = Literal["flag", "api", "server", "header", "environment", "customer"]

#: An organisation that rules name and that no case is played in.
_OTHER = "other"


@dataclass(frozen=True)
class Play:
    """A case and the way in which its rule is armed, in an organisation of its own."""

    case: Case
    way: Way
    slug: str

    def __str__(self) -> str:
        return f"{self.way}-{self.case.rule}"

    @property
    def key(self) -> str:
        return f"am_sk_test_{self.slug.replace('-', '_')}"

    @property
    def rule(self) -> str:
        """The rule as it is armed: for a server it names the organisation."""
        rule = self.case.rule.format(org=self.slug)
        return f"{rule} org={self.slug}" if self.way in ("flag", "server") and " org=" not in rule else rule


def _accepts(case: Case, way: Way) -> bool:
    """Whether the case's own steps can be played when its rule is armed in this way."""
    if " ttl=" in case.rule:  # it counts from when the rule is armed
        return way == "api"
    if way == "server":
        return not case.uses_clock
    if way == "customer":
        return case.is_of_one_customer
    return way != "header" or not case.has_counters


def _plays() -> Iterator[Play]:
    by_site: defaultdict[type, list[Case]] = defaultdict(list)
    for case in CASES:
        by_site[parse_rule(case.rule.format(org="any")).kind.__bases__[0]].append(case)
    for site, cases in by_site.items():
        ways: cycle[Way] = cycle(get_args(Way))
        chosen = [(case, next(way for way in ways if _accepts(case, way))) for case in cases]
        chosen += [(case, "header") for case in cases if case.header is not None]
        missing: set[Way] = set(get_args(Way)) - {way for _, way in chosen}
        chosen += [(next(case for case in cases if _accepts(case, way)), way) for way in sorted(missing)]
        for number, (case, way) in enumerate(chosen):
            yield Play(case, way, f"{site.__name__.lower()}-{number}")


PLAYS = tuple(_plays())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with the organisations of all plays and the rules that are armed at startup."""
    organisations = [organisation(_OTHER, f"am_sk_test_{_OTHER}")]
    flags = []
    for play in PLAYS:
        rules: dict[Way, list[str]] = {play.way: [play.rule]}
        flags += [word for rule in rules.get("flag", []) for word in ("--fault", rule)]
        of_environment, of_customer = rules.get("environment", []), rules.get("customer", [])
        organisations.append(organisation(play.slug, play.key, of_environment, of_customer))
    world = write_world(tmp_path_factory.mktemp("kinds") / "world.json", organisations)
    with ServerProcess("--world", str(world), *flags, key=f"am_sk_test_{_OTHER}") as running:
        yield running


def _target(server: ServerProcess, play: Play) -> Target:
    """The organisation of a play, with its rule armed."""
    client = server.client(play.key)
    if play.way == "header":
        return Target(client, play.rule, header=play.rule)
    if play.way == "customer":
        return Target(client, f"{play.rule} customer=cus_1")
    if play.way in ("api", "server"):
        armed = client.ask("/_mock/faults", {"rule": play.rule}, None if play.way == "server" else play.key)
        assert (armed["org"] is None, armed["fired"]) == (play.way == "server", 0)
        return Target(client, armed["rule"], number=armed["id"] if play.way == "server" else None)
    return Target(client, play.rule)


@pytest.mark.parametrize("play", PLAYS, ids=str)
def test_rule(server: ServerProcess, play: Play) -> None:
    target = _target(server, play)
    target.play(play.case)


# -- completeness

_RULES = [parse_rule(case.rule.format(org="any")) for case in CASES]


@pytest.mark.parametrize("kind", FAULT_KINDS.values(), ids=list(FAULT_KINDS))
def test_cases_cover_each_kind_and_its_options(kind: type[ArmedRule]) -> None:
    rules = [rule for rule in _RULES if rule.kind is kind]
    assert rules
    used = {name for rule in rules for name in rule.options}
    assert {option.name for option in kind.own_options} <= used
    if kind.has_phase:
        words = {word for rule in rules for word in rule.text.split()}
        assert {f"before={PHASE}", f"after={PHASE}"} <= words


@pytest.mark.parametrize("modifier", MODIFIERS)
def test_cases_cover_each_modifier(modifier: str) -> None:
    assert any(modifier in rule.options and MODIFIERS[modifier] not in rule.kind.own_options for rule in _RULES)


def test_plays_cover_each_way_at_each_site() -> None:
    sites = {play.slug.partition("-")[0] for play in PLAYS}
    assert {(play.slug.partition("-")[0], play.way) for play in PLAYS} == {
        (site, way) for site in sites for way in get_args(Way)
    }
    assert {play.case.rule for play in PLAYS if _accepts(play.case, play.way)} == {case.rule for case in CASES}


# -- a new kind

_TEAPOT = '''
from autumn_mock.faults.sites import ReplyFault, ReplyPlan


class Teapot(ReplyFault):
    """A short and stout reply."""

    name = "reply:teapot"
    example = "reply:teapot"

    def on_reply(self, reply: ReplyPlan) -> None:
        reply.alter(status=418)
'''


def test_new_kind_is_one_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(tmp_path, "reply_teapot.py").write_text(_TEAPOT)
    monkeypatch.setattr(kinds, "__path__", [*kinds.__path__, str(tmp_path)])
    monkeypatch.setitem(FAULT_KINDS, "reply:teapot", kinds.discover()["reply:teapot"])
    with Engine() as engine:
        client = AppClient(create_app(engine))
        armed = client.ask("/_mock/faults", {"rule": "reply:teapot times=1"})
        reply = client.post("/v1/customers.get", {"customer_id": "cus_123"})
        listed = client.get("/_mock/faults/kinds").body["kinds"]
        [report] = client.get("/_mock/faults").body["list"]
    assert ("reply:teapot", "A short and stout reply.") in [(kind["kind"], kind["text"]) for kind in listed]
    assert (armed["remaining"], reply.status, report["fired"], report["remaining"]) == (1, 418, 1, 0)


# -- documentation


@pytest.mark.parametrize("part", [fault_kinds, fault_options])
def test_documentation_lists_every_kind_and_modifier(part: Callable[[], str]) -> None:
    assert f"\n{part()}\n" in topics()["faults"].text


def test_reply_plan_alter_keeps_a_lost_reply_lost() -> None:
    plan = ReplyPlan(200, [], b"{}", 0, lambda _status, message: ("text/plain", message.encode()))
    plan.alter(status=500)
    assert (plan.status, plan.body, plan.outcome) == (500, b"{}", "altered")
    plan.outcome = "lost"
    plan.alter(body=b"")
    assert (plan.status, plan.body, plan.outcome) == (500, b"", "lost")
