"""Every rule of the vocabulary through each of its addresses: the wire, the books, the journal, the rule's report."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autumn_mock.faults.armed import ArmedRule
from autumn_mock.faults.grammar import parse_rule
from autumn_mock.faults.kinds import FAULT_KINDS
from autumn_mock.faults.options import MODIFIERS, PHASE
from tests.faults.cases import CASES, Case
from tests.faults.harness import ScenarioTarget, organisation, write_world
from tests.support.server import ServerProcess

Scenery = Callable[[int], ScenarioTarget]

#: A pipe within a cell of a table.
_PIPE = "\\|"
_README = Path(__file__).parents[2] / "README.md"


def _name(place: str, number: int) -> tuple[str, str]:
    """Slug and key of the organisation of a case."""
    return f"{place}-{number}", f"am_sk_test_{place}_{number}"


def _rule(case: Case, slug: str) -> str:
    return case.rule.format(org=slug)


def _of_one(rule: str, slug: str) -> str:
    """The rule for one organisation, if it does not name one itself."""
    return rule if " org=" in rule else f"{rule} org={slug}"


# -- the addresses


@pytest.fixture(scope="module")
def by_flag(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenery]:
    """``serve --fault``: one server with all rules, each for an organisation of its own."""
    names = [_name("flag", number) for number in range(len(CASES))]
    world = write_world(tmp_path_factory.mktemp("flag") / "world.json", [organisation(*name) for name in names])
    rules = [_of_one(_rule(case, slug), slug) for case, (slug, _) in zip(CASES, names, strict=True)]
    with ServerProcess("--world", str(world), *(word for rule in rules for word in ("--fault", rule))) as server:
        yield lambda number: ScenarioTarget(server, names[number][1], rules[number])


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server without rules, whose organisations are opened one by one, but for one that rules name."""
    there = [organisation(slug, f"am_sk_test_{slug}") for slug in ("first", "somebody_else")]
    world = write_world(tmp_path_factory.mktemp("plain") / "world.json", there)
    with ServerProcess("--world", str(world), key="am_sk_test_first") as server:
        yield server


def _opened(server: ServerProcess) -> tuple[str, str]:
    status, _, opened = server.post("/_mock/organisations", {}, None)
    assert status == 201
    return opened["slug"], opened["key"]


@pytest.fixture(scope="module")
def by_api(plain: ServerProcess) -> Scenery:
    """``POST /_mock/faults``."""

    def stage(number: int) -> ScenarioTarget:
        slug, key = _opened(plain)
        armed = plain.ask("/_mock/faults", {"rule": _rule(CASES[number], slug)}, key)
        assert (armed["org"], armed["env"], armed["fired"]) == (slug.replace("-", "_"), "sandbox", 0)
        return ScenarioTarget(plain, key, armed["rule"])

    return stage


@pytest.fixture(scope="module")
def by_api_for_the_server(plain: ServerProcess) -> Scenery:
    """``POST /_mock/faults`` without a key: a rule of the whole server."""

    def stage(number: int) -> ScenarioTarget:
        slug, key = _opened(plain)
        armed = plain.ask("/_mock/faults", {"rule": _of_one(_rule(CASES[number], slug), slug)}, None)
        assert (armed["org"], armed["env"], armed["fired"]) == (None, None, 0)
        return ScenarioTarget(plain, key, armed["rule"], number=armed["id"])

    return stage


@pytest.fixture(scope="module")
def by_header(plain: ServerProcess) -> Scenery:
    """The header ``x-autumn-mock-fault``."""

    def stage(number: int) -> ScenarioTarget:
        slug, key = _opened(plain)
        text = _rule(CASES[number], slug)
        return ScenarioTarget(plain, key, text, header=text)

    return stage


@pytest.fixture(scope="module")
def in_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Scenery]]:
    """The world file: rules of an environment, and rules of a customer."""
    environments = [_name("world", number) for number in range(len(CASES))]
    customers = [_name("customer", number) for number in range(len(CASES))]
    organisations = []
    for number, case in enumerate(CASES):
        slug, key = environments[number]
        organisations.append(organisation(slug, key, faults=[_rule(case, slug)]))
        slug, key = customers[number]
        rules = [_rule(case, slug)] if case.is_of_one_customer else []
        organisations.append(organisation(slug, key, of_customer=rules))
    world = write_world(tmp_path_factory.mktemp("world") / "world.json", organisations)

    def of_environment(number: int) -> ScenarioTarget:
        slug, key = environments[number]
        return ScenarioTarget(server, key, _rule(CASES[number], slug))

    def of_customer(number: int) -> ScenarioTarget:
        slug, key = customers[number]
        return ScenarioTarget(server, key, f"{_rule(CASES[number], slug)} customer=cus_1")

    with ServerProcess("--world", str(world)) as server:
        yield {"environment": of_environment, "customer": of_customer}


_every_case = pytest.mark.parametrize("number", range(len(CASES)), ids=[case.rule for case in CASES])


@_every_case
def test_armed_with_the_server(by_flag: Scenery, number: int) -> None:
    by_flag(number).play(CASES[number])


@_every_case
def test_armed_by_the_api(by_api: Scenery, number: int) -> None:
    by_api(number).play(CASES[number])


@pytest.mark.parametrize(
    "number",
    [number for number, case in enumerate(CASES) if not case.looks_at_the_clock],
    ids=[case.rule for case in CASES if not case.looks_at_the_clock],
)
def test_armed_by_the_api_for_the_server(by_api_for_the_server: Scenery, number: int) -> None:
    by_api_for_the_server(number).play(CASES[number])


@_every_case
def test_armed_by_the_header(by_header: Scenery, number: int) -> None:
    by_header(number).play(CASES[number])


@_every_case
def test_armed_by_the_world(in_world: dict[str, Scenery], number: int) -> None:
    in_world["environment"](number).play(CASES[number])


@pytest.mark.parametrize(
    "number",
    [number for number, case in enumerate(CASES) if case.is_of_one_customer],
    ids=[case.rule for case in CASES if case.is_of_one_customer],
)
def test_armed_by_the_world_for_a_customer(in_world: dict[str, Scenery], number: int) -> None:
    in_world["customer"](number).play(CASES[number])


# -- no rule without a case

_RULES = [parse_rule(_rule(case, "an_organisation")) for case in CASES]


@pytest.mark.parametrize("kind", FAULT_KINDS.values(), ids=list(FAULT_KINDS))
def test_every_kind_and_each_of_its_own_options_is_in_a_case(kind: type[ArmedRule]) -> None:
    rules = [rule for rule in _RULES if rule.kind is kind]
    assert rules
    used = {name for rule in rules for name in rule.options}
    assert {option.name for option in kind.own_options} <= used
    if kind.has_phase:
        words = {word for rule in rules for word in rule.text.split()}
        assert {f"before={PHASE}", f"after={PHASE}"} <= words


@pytest.mark.parametrize("modifier", MODIFIERS)
def test_every_modifier_is_in_a_case(modifier: str) -> None:
    assert any(modifier in rule.options and MODIFIERS[modifier] not in rule.kind.own_options for rule in _RULES)


# -- documentation


def readme_table() -> str:
    """The table of the kinds, as the README has it."""
    lines = ["| rule | effect | its options |", "|---|---|---|"]
    for kind in FAULT_KINDS.values():
        argument = f" {kind.argument_placeholder}" if kind.argument_placeholder else ""
        options = [f"`{each.name}={each.placeholder}` {each.text}" for each in kind.own_options]
        if kind.has_phase:
            options.append(f"`before={PHASE}` (default) or `after={PHASE}`")
        cells = [f"`{kind.name}{argument}`", kind.summary, "; ".join(options)]
        lines.append(f"| {' | '.join(cell.replace('|', _PIPE) for cell in cells)} |")
    return "\n".join(lines)


def readme_modifiers() -> str:
    """The list of the modifiers, as the README has it."""
    return "\n".join(f"- `{each.name}={each.placeholder}`: {each.text}" for each in MODIFIERS.values())


@pytest.mark.parametrize("part", [readme_table, readme_modifiers])
def test_readme_lists_every_kind_and_modifier(part: Callable[[], str]) -> None:
    section = re.split(r"\n##+ ", _README.read_text("utf-8").partition("\n### Faults\n")[2])[0]
    assert f"\n{part()}\n" in section
