"""Arming and clearing on a server: rules of the whole server, resets, ids, rules that are rejected."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.actions import ITEM, LONG, arm, clear, delete, ended, hanging, journal, rules, until
from tests.support.client import BATCH, Client
from tests.support.server import ServerProcess


def test_server_rule_counts_across_organisations() -> None:
    with ServerProcess("--rate-limit", "off") as server:
        organisations = [server.organisation() for _ in range(3)]
        rule = server.ask("/_mock/faults", {"rule": "queue:down every=2 times=2"}, None)
        seen = [organisations[number % 3].post(BATCH, [ITEM]).status for number in range(6)]
        assert seen == [202, 503, 202, 503, 202, 202]
        [report] = server.get("/_mock/faults", None).body["list"]
        assert (report["id"], report["fired"], report["completed"], report["org"]) == (rule["id"], 2, True, None)
        triggered = [entry["faults"] for each in organisations for entry in journal(each)]
        assert sorted(triggered) == [[]] * 4 + [["queue:down every=2 times=2"]] * 2
        assert rules(organisations[0]) == [report]  # an organisation sees the rules that apply to it


def test_server_rule_is_not_cleared_by_an_organisation() -> None:
    with ServerProcess("--rate-limit", "off") as server:
        organisation, other = server.organisation(), server.organisation()
        number = server.ask("/_mock/faults", {"rule": "worker:pause"}, None)["id"]
        for each in (organisation, other):
            each.ask(BATCH, [ITEM] * 2)
        clear(organisation)
        assert delete(organisation, f"/_mock/faults/{number}") == 404
        other.ask("/_mock/reset", {})
        other.ask(BATCH, [ITEM])
        for each, waiting in ((organisation, 2), (other, 1)):
            status, _, body = each.post("/_mock/drain", {"timeout": LONG})
            assert (status, body["held"]) == (504, [{"rule": "worker:pause", "items": waiting}])
        assert server.request("DELETE", f"/_mock/faults/{number}").status == 200
        assert (organisation.drain()["deducted"], other.drain()["deducted"]) == (2, 1)


def test_outage_ends_on_clock_of_its_organisation(server: ServerProcess, organisation: Client) -> None:
    other = server.organisation()
    for each in (organisation, other):
        arm(each, "queue:down ttl=1h")
        assert each.post(BATCH, [ITEM]).status == 503
    organisation.advance("1h")
    assert (organisation.post(BATCH, [ITEM]).status, other.post(BATCH, [ITEM]).status) == (202, 503)


def test_reset_ends_all_faults(organisation: Client) -> None:
    organisation.freeze()
    for rule in ("worker:pause customer=cus_123", "worker:delay 1h", "enqueue:fail items=1 times=3", "limit 2/hour"):
        arm(organisation, rule)
    organisation.ask(BATCH, [ITEM] * 3)
    organisation.ask(BATCH, [{**ITEM, "customer_id": "cus_456"}] * 3)
    assert organisation.post(BATCH, [ITEM]).status == 429
    until(lambda: [rule["fired"] for rule in rules(organisation)], [2, 4, 2, 1].__eq__)
    with hanging(organisation, header="limit 9/second; reply:hang after=enqueue") as connections:
        cleared = organisation.ask("/_mock/reset", {})["cleared"]
        assert (cleared["faults"], cleared["queued"], cleared["requests"]) == (4, 5, 4)
        assert ended(connections) == {"closed"}
    assert (rules(organisation), journal(organisation)) == ([], [])
    assert not any(organisation.stats()[name] for name in ("offered", "refused", "accepted", "ready", "deducted"))
    for _ in range(3):
        organisation.ask(BATCH, [ITEM])
    assert organisation.drain()["deducted"] == 3
    organisation.audit()


def test_reset_arms_startup_rules_again() -> None:
    with ServerProcess("--fault", "queue:down times=1") as server:
        organisation = server.client(server.key)
        for key in (server.key, None):
            assert [organisation.post(BATCH, [ITEM]).status for _ in range(2)] == [503, 202]
            assert (rules(organisation)[0]["fired"], rules(organisation)[0]["remaining"]) == (1, 0)
            server.ask("/_mock/reset", {}, key)
            assert (rules(organisation)[0]["fired"], rules(organisation)[0]["remaining"]) == (0, 1)


def test_clear_by_id_clears_one_rule(organisation: Client) -> None:
    first, second, third = (arm(organisation, rule) for rule in ("queue:down", "reply:hang", "worker:pause"))
    assert delete(organisation, f"/_mock/faults/{second}") == 200
    assert [rule["id"] for rule in rules(organisation)] == [first, third]
    assert delete(organisation, f"/_mock/faults/{second}") == 404
    assert arm(organisation, "queue:down") not in (first, second, third)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("enqueue:fial", "did you mean enqueue:fail?"),
        ("queue:down ttl=30", "write 90m, 1d, 1h30m or 250ms"),
        ("queue:down route=balances.trakc", "similar: balances.track"),
    ],
)
def test_invalid_rule_is_rejected_everywhere(organisation: Client, tmp_path: Path, rule: str, message: str) -> None:
    for reply in (
        organisation.post("/_mock/faults", {"rule": rule}),
        organisation.post(BATCH, [ITEM], x_autumn_mock_fault=rule),
    ):
        assert reply.status == 400
        assert message in reply.body["message"]
    assert rules(organisation) == []
    assert organisation.stats()["offered"] == 0
    world = tmp_path / "world.yaml"
    world.write_text(f"organisations: [{{slug: a, sandbox: {{faults: ['{rule}']}}}}]")
    for options in (["--fault", rule], ["--world", str(world)]):
        with pytest.raises(AssertionError) as caught, ServerProcess(*options):
            pass
        assert "ended with code 2" in str(caught.value)
        assert message.replace(" ", "") in "".join(str(caught.value).split())  # its lines are wrapped


@pytest.mark.parametrize("keyed", [True, False])
def test_rule_of_unknown_organisation_is_rejected(organisation: Client, keyed: bool) -> None:
    key = organisation.key if keyed else None
    reply = organisation.post("/_mock/faults", {"rule": "queue:down org=nobody_at_all"}, key)
    assert reply.status == 400
    assert "unknown organisation 'nobody_at_all'" in reply.body["message"]
    assert rules(organisation) == []
