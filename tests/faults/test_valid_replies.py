"""No rule that parses makes an invalid reply: every kind with odd arguments, on a connection that is kept."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

import pytest

from autumn_mock.faults.grammar import RuleError, parse_rule
from autumn_mock.faults.kinds import FAULT_KINDS
from autumn_mock.faults.options import MODIFIERS
from tests.support.server import ServerProcess

#: Values that some reader might take.
ODD = [
    *("", "0", "1", "-1", "1.5", "1e308", "nan", "inf", "1_0", "٣", "9" * 20, "9" * 5000, "0x10", "+1", " 1"),
    *("0ms", "1ms", "1ms-2ms", "-1ms", "1h-1m", "date+1ms", "date+100y", "date+36525d", "date+", "1/second", "9/s"),
    *(f"{'9' * 5000}/second", "٣/second", "1/day", "text/plain", "a/b;c=d", "a/", "text/plain\r\nx: y", "é/é", "json"),
    *(
        "html",
        "empty",
        "Wed, 21 Oct 2026 07:28:00 GMT",
        "Wed,\n21 Oct 2026 07:28:00 GMT",
        "Wed, ٢١ Oct 2026 07:28:00 GMT",
    ),
    *("Wed, 31 Dec 9999 23:59:59 GMT", "1\r\nx: y", "\x00", "\x7f", "\u2028", "a;b", "x" * 10_000),
]
STATUSES = [
    "100",
    "101",
    "199",
    *(str(each) for each in range(200, 210)),
    "299",
    "300",
    "304",
    "400",
    "599",
    "600",
    "999",
]


def _rules() -> list[str]:
    """Every rule that parses, of every kind with every odd argument and every odd option."""
    written = []
    for kind in FAULT_KINDS.values():
        arguments = [*ODD, *(STATUSES if "status" in kind.name else [])] if kind.argument is not None else [None]
        begins = [kind.name if each is None else f'{kind.name} "{each}"' for each in arguments]
        written += begins
        written += [f'{kind.example} {name}="{odd}"' for name in kind.options_by_name() for odd in ODD]
    written += [f"reply:status {code} body={body}" for code in STATUSES for body in ("json", "html", "empty")]
    pairs = ("reply:malformed", "reply:empty", "reply:dribble 1ms", "reply:truncate")
    return [each for each in [*written, *pairs] if _parses(each)]


def _parses(rule: str) -> bool:
    try:
        parse_rule(rule)
    except RuleError:
        return False
    return True


RULES = _rules()
#: Those that change a reply, each alone: without modifiers, which only say when.
REPLIES = [
    each
    for each in RULES
    if each.startswith("reply:")
    and not each.startswith(("reply:hang", "reply:reset", "reply:delay"))
    and not any(f" {name}=" in each for name in MODIFIERS)
]


def test_rules_are_one_printable_line() -> None:
    assert RULES
    assert all(each.isprintable() and len(each) < 20_000 for each in RULES)


def test_statuses_without_a_body_have_none_and_the_connection_goes_on(server: ServerProcess) -> None:
    address = urlsplit(server.url)
    for rule in REPLIES:
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
        for faults in (rule, rule, f"{rule}; reply:malformed", f"{rule}; reply:dribble 1ms", ""):
            headers = {"authorization": f"Bearer {server.key}", "x-autumn-mock-fault": faults}
            try:
                connection.request("POST", "/v1/customers.list", b"{}", headers)
                reply = connection.getresponse()
                body = reply.read()
            except (http.client.IncompleteRead, http.client.RemoteDisconnected):
                assert "truncate" in rule
                connection.close()
                continue
            assert 200 <= reply.status <= 599, rule
            assert b"internal_error" not in body or "reply:status" in rule, rule
            assert not body or reply.status not in (204, 205, 304), rule
            if not faults:
                assert reply.status == 200, rule
        connection.close()


@pytest.mark.parametrize(
    "rule", ['customer="a\nb" worker:drop', 'worker:drop customer="a\nb"', "worker:drop event=a\x1b"]
)
def test_a_rule_with_control_characters_is_refused_in_one_line(rule: str) -> None:
    with pytest.raises(RuleError, match="control characters") as caught:
        parse_rule(rule)
    assert len(str(caught.value).splitlines()) == 3
