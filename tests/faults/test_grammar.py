"""The grammar of rules: what parses, what does not, and the position that the message marks."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autumn_mock.faults.armed import ArmedRule
from autumn_mock.faults.grammar import RuleError, parse_rule, parse_rules, quoted, require_organisation, require_route
from autumn_mock.faults.kinds import FAULT_KINDS
from autumn_mock.faults.options import MODIFIERS
from autumn_mock.web.resources.registry import call_names

# -- what parses


@pytest.mark.parametrize("kind", FAULT_KINDS.values(), ids=list(FAULT_KINDS))
def test_parse_rule_accepts_the_example_of_each_kind(kind: type[ArmedRule]) -> None:
    rule = parse_rule(kind.example)
    assert (rule.kind, rule.text) == (kind, kind.example)


@pytest.mark.parametrize(
    ("text", "argument"),
    [
        ("worker:delay 1h30m", 5_400_000),
        ("reply:status 503", 503),
        ("reply:delay 250ms", (250, 250)),
        ("reply:delay 1s-1.5s", (1000, 1500)),
        ("reply:content-type", "text/html"),
        ("reply:content-type application/problem+json", "application/problem+json"),
        ('reply:content-type "text/html;charset=utf-8"', "text/html;charset=utf-8"),
        ("reply:dribble", 2000),
        ("reply:dribble times=1", 2000),
        ("reply:dribble 3s times=1", 3000),
        ("limit 1000/hour", "1000/hour"),
        ("queue:down", None),
    ],
)
def test_parse_rule_reads_the_argument(text: str, argument: object) -> None:
    assert parse_rule(text).argument == argument


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("enqueue:fail items=3,7,3", {"items": {3, 7}}),
        ("enqueue:fail first=2 last=1", {"first": 2, "last": 1}),
        ("queue:flap down=2s up=1m", {"down": ("ms", 2000), "up": ("ms", 60_000)}),
        ("queue:flap down=2 up=3", {"down": ("calls", 2), "up": ("calls", 3)}),
        ("worker:slow rate=100/s", {"rate": 100.0}),
        ("worker:slow rate=30/minute", {"rate": 0.5}),
        ("reply:status 503 retry-after=7 body=html", {"retry-after": "7", "body": "html"}),
        ("reply:status 503 retry-after=date+5s", {"retry-after": "date+5s"}),
        (
            'reply:status 503 retry-after="Wed, 21 Oct 2026 07:28:00 GMT"',
            {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"},
        ),
        (
            "queue:down times=1 after=0 every=2 rate=1 seed=-3",
            {"times": 1, "after": 0, "every": 2, "rate": 1, "seed": -3},
        ),
        (
            "queue:down ttl=1m30s org=acme customer=c feature=f",
            {"ttl": 90_000, "org": "acme", "customer": "c", "feature": "f"},
        ),
        ('queue:down event="a b" route=balances.*', {"event": "a b", "route": "balances.*"}),
        ('queue:down customer="a=b; c"d', {"customer": "a=b; cd"}),
        ("queue:down", {}),
    ],
)
def test_parse_rule_reads_options(text: str, options: dict[str, object]) -> None:
    assert parse_rule(text).options == options


@pytest.mark.parametrize(
    ("text", "phase"),
    [
        ("reply:hang", "before"),
        ("reply:hang before=enqueue", "before"),
        ("reply:hang after=enqueue", "after"),
        ("reply:hang after=2", "before"),
        ("reply:hang after=2 after=enqueue", "after"),
        ("reply:status 500", "before"),
        ("reply:status 200", "after"),
        ("reply:truncate", "after"),
    ],
)
def test_parse_rule_chooses_the_phase(text: str, phase: str) -> None:
    assert parse_rule(text).phase == phase


def test_parse_rule_ignores_white_space() -> None:
    assert parse_rule("  queue:down\t times=2\n") == parse_rule("queue:down times=2")


def test_parse_rules_splits_at_semicolons() -> None:
    rules = parse_rules(' queue:down times=1; ;reply:delay 2s;worker:drop customer="a;b" ;')
    assert [rule.text for rule in rules] == ["queue:down times=1", "reply:delay 2s", 'worker:drop customer="a;b"']
    assert parse_rules(" ; ") == []


# -- what does not, and where the message points

#: A text with ^ at the position that the message has to mark, and a part of the message.
MISTAKES = [
    ("^enqueue:fial items=3", "unknown kind 'enqueue:fial', did you mean enqueue:fail?"),
    ("  ^worker:paus", "did you mean worker:pause?"),
    ("^Queue:down", "did you mean queue:down?"),
    ("^xyz", f"unknown kind 'xyz'. Known: {', '.join(FAULT_KINDS)}"),
    ('^"queue:down"', "did you mean queue:down?"),
    ("enqueue:fail ^itemz=3", "unknown option of enqueue:fail 'itemz', did you mean items? Known: "),
    ("enqueue:fail ^3", "unknown option of enqueue:fail '3'. Known: "),
    ("auth:revoke ^items=3", "unknown option of auth:revoke 'items'"),
    ("limit 3/second ^rate=0.5", "unknown option of limit 'rate'"),
    ("worker:slow rate=1/s ^seed=1", "unknown option of worker:slow 'seed'"),
    ("enqueue:fail items^", "items needs a value, as in items=I,J"),
    ("enqueue:fail items=^ times=1", "items needs a value"),
    ("enqueue:fail ^=3", "unknown option of enqueue:fail ''"),
    ("queue:down times=2 after=1 ^times=3", "times is given twice"),
    ("enqueue:fail items=^3,x", "invalid value '3,x' for items: not a number"),
    ("enqueue:fail items=^3,,4", "not a number"),
    ("enqueue:fail items=^-1", "must not be negative"),
    ("enqueue:fail first=^0", "must be at least 1"),
    ("enqueue:fail last=^1.5", "not a number"),
    ("queue:down times=^0", "must be at least 1"),
    ("queue:down times=^many", "not a number"),
    ("queue:down after=^-1", "must not be negative"),
    ("queue:down every=^0", "must be at least 1"),
    ("queue:down rate=^1.5", "must be between 0 and 1"),
    ("queue:down rate=^nan", "must be between 0 and 1"),
    ("queue:down rate=^20%", "not a number"),
    ("queue:down seed=^x", "not a number"),
    ("queue:down ttl=^30", "write 90m, 1d, 1h30m or 250ms"),
    ("queue:down ttl=^0s", "must be greater than 0"),
    ("queue:down ttl=^-5s", "must be greater than 0"),
    ("queue:flap down=^0", "must be at least 1"),
    ("queue:flap down=^1x", "write 90m"),
    ("queue:flap down=2 up=3s^", "down and up must both be numbers of calls, or both durations"),
    ("worker:slow^", "worker:slow needs a rate, as in: worker:slow rate=100/s"),
    ("worker:slow rate=^0.2", "write it like 100/s or 30/minute"),
    ("worker:slow rate=^0/s", "write it like 100/s"),
    ("worker:delay^", "worker:delay needs a value, as in: worker:delay 2s"),
    ("worker:delay times=1^", "worker:delay needs a value"),
    ("worker:delay ^soon", "invalid value 'soon' for worker:delay: 'soon' is not a duration"),
    ("worker:delay 2s ^3s", "unknown option of worker:delay '3s'"),
    ("reply:status^", "reply:status needs a value, as in: reply:status 502 body=html"),
    ("reply:status ^199", "must be a status from 200 to 599"),
    ("reply:status ^600", "must be a status from 200 to 599"),
    ("reply:status ^teapot", "must be a status from 200 to 599"),
    ("reply:status 503 body=^xml", "must be json, html or empty"),
    ("reply:status 503 retry-after=^soon", "write seconds, date+5s, or an HTTP date in quotes"),
    ("reply:status 503 retry-after=^-1", "write seconds"),
    ("reply:status 503 retry-after=^date+x", "is not a duration"),
    ('reply:status 503 retry-after=^"21 Oct 2026"', "or an HTTP date in quotes"),
    ("reply:status 503 ^before=reply", "before takes one value: before=enqueue"),
    ("reply:status 503 ^before", "before takes one value"),
    ("reply:hang before=enqueue ^after=enqueue", "either before=enqueue or after=enqueue"),
    ("reply:hang after=^reply", "not a number"),
    ("reply:status 200 ^before=enqueue", "reply:status has no before=enqueue"),
    ("reply:truncate ^after=enqueue", "reply:truncate has no after=enqueue"),
    ("queue:down ^before=enqueue", "queue:down has no before=enqueue"),
    ("reply:delay^", "reply:delay needs a value"),
    ("reply:delay ^3s-1s", "the shorter duration must come first"),
    ("reply:delay ^1s-", "is not a duration"),
    ("reply:dribble ^never", "is not a duration"),
    ("reply:content-type ^html", "must be a content type such as text/plain"),
    ("reply:body json=^{x}", """must be JSON in single quotes, such as '{"allowed":true}'"""),
    ("reply:body json=1 header=^X", "must be a name, a colon and a value, such as 'X-Region: eu'"),
    ("reply:body json=1 header=^'Content-Length: 3'", "Content-Length belongs to the connection"),
    ("limit^", "limit needs a value, as in: limit 3/second"),
    ("limit ^3", "write it like 3/second"),
    ("limit ^0/second", "write it like 3/second"),
    ('queue:down customer=^"cus 1', "this quote is not closed"),
    ('queue:down customer="a" event=^"b', "this quote is not closed"),
]


@pytest.mark.parametrize(("marked", "says"), MISTAKES, ids=[marked for marked, _ in MISTAKES])
def test_parse_rule_marks_the_error(marked: str, says: str) -> None:
    column, text = marked.index("^"), marked.replace("^", "")
    with pytest.raises(RuleError) as caught:
        parse_rule(text)
    problem, shown, pointer = str(caught.value).split("\n")
    assert says in problem
    assert shown == f"  {text}"
    assert (caught.value.column, pointer) == (column, f"  {' ' * column}^")


@pytest.mark.parametrize("text", ["", "   "])
def test_parse_rule_rejects_empty_text(text: str) -> None:
    with pytest.raises(RuleError, match=r"^a rule begins with one of ") as caught:
        parse_rule(text)
    assert caught.value.column == 0
    assert all(kind in str(caught.value) for kind in FAULT_KINDS)


@pytest.mark.parametrize("kind", FAULT_KINDS.values(), ids=list(FAULT_KINDS))
def test_unknown_option_lists_the_options_of_the_kind(kind: type[ArmedRule]) -> None:
    text = f"{kind.example} wrong=1"
    with pytest.raises(RuleError) as caught:
        parse_rule(text)
    problem = str(caught.value).split("\n")[0]
    listed = problem.partition("Known: ")[2].split(", ")
    phases = ["before=enqueue", "after=enqueue"] if kind.has_phase else []
    assert listed == [*kind.options_by_name(), *phases]
    assert caught.value.column == text.index("wrong")


@pytest.mark.parametrize("value", ["plain", "two words", "a;b", "it's", 'say "yes"'])
def test_quoted_is_read_as_it_was(value: str) -> None:
    assert parse_rule(f"queue:down customer={quoted(value)}").options["customer"] == value


def test_quoted_rejects_both_kinds_of_quotes() -> None:
    with pytest.raises(ValueError, match="cannot contain both single and double quotes"):
        quoted("""it's "it\"""")


def test_column_counts_within_its_own_rule() -> None:
    with pytest.raises(RuleError) as caught:
        parse_rules("queue:down; reply:hang wrong=1")
    assert caught.value.column == len("reply:hang ")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("queue:down route=balances.trakc", "unknown call 'balances.trakc'; similar: balances.track"),
        ("queue:down times=1 route=/v1/chekc", "unknown call '/v1/chekc'; similar: check"),
        ("queue:down route=xyz:*", "unknown call 'xyz:*'"),
    ],
)
def test_require_route_rejects_unknown_calls(text: str, says: str) -> None:
    rule = parse_rule(text)
    with pytest.raises(RuleError) as caught:
        require_route(rule, call_names())
    assert says in str(caught.value)
    assert caught.value.column == text.index("route=") + len("route=")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("queue:down org=acmee", "unknown organisation 'acmee'; similar: acme"),
        ("queue:down times=1 org=xyz", "unknown organisation 'xyz'"),
    ],
)
def test_require_organisation_rejects_unknown_names(text: str, says: str) -> None:
    with pytest.raises(RuleError) as caught:
        require_organisation(parse_rule(text), {"org_1", "acme"})
    assert says in str(caught.value)
    assert caught.value.column == text.index("org=") + len("org=")


@pytest.mark.parametrize("rule", ["queue:down", "queue:down org=org_1", "queue:down org=acme"])
def test_require_organisation_accepts_id_and_slug(rule: str) -> None:
    require_organisation(parse_rule(rule), {"org_1", "acme"})


@pytest.mark.parametrize("route", ["balances.track", "/v1/track", "track", "balances.*", "*", "/v1/customers/*"])
def test_require_route_accepts_names_paths_and_patterns(route: str) -> None:
    require_route(parse_rule(f"queue:down route={route}"), call_names())


@pytest.mark.parametrize("body", ["html", "json"])
def test_status_of_success_accepts_only_the_empty_body(body: str) -> None:
    assert parse_rule("reply:status 200 body=empty").options == {"body": "empty"}
    with pytest.raises(RuleError):
        parse_rule(f"reply:status 200 body={body}")


_NINES = "9" * 400


@pytest.mark.parametrize(
    "text",
    [
        f"reply:delay {_NINES}s",
        f"worker:delay {_NINES}s",
        f"reply:dribble {_NINES}s",
        f"queue:down ttl={_NINES}s",
        f"queue:flap down={_NINES}s",
        f"worker:slow rate=0.{'0' * 322}9/minute",
        f"reply:status 503 retry-after=date+{_NINES}s",
        "reply:status 503 retry-after=date+9999999d",
        "reply:status 503 retry-after=²",
    ],
    ids=lambda text: text.replace(_NINES, "9..").replace("0" * 322, "0.."),
)
def test_parse_rule_rejects_values_out_of_range(text: str) -> None:
    with pytest.raises(RuleError):
        parse_rule(text)


# -- seeds


@pytest.mark.parametrize("text", ["enqueue:fail rate=0.2", "worker:drop rate=1 every=2", "reply:delay 1s-2s"])
def test_seeded_adds_a_seed_to_the_text_of_a_random_rule(text: str) -> None:
    rule = parse_rule(text)
    seeded = rule.seeded()
    assert "seed" not in rule.options
    assert seeded.text == f"{text} seed={seeded.options['seed']}"
    assert parse_rule(seeded.text) == seeded
    assert len({rule.seeded().options["seed"] for _ in range(20)}) > 1
    assert rule.seeded(5) == parse_rule(f"{text} seed=5")
    assert seeded.seeded(6) is seeded


@pytest.mark.parametrize("text", ["queue:down every=2", "reply:delay 1s", "worker:slow rate=3/s", "queue:down seed=1"])
def test_seeded_keeps_other_rules(text: str) -> None:
    rule = parse_rule(text)
    assert rule.seeded(5) is rule


# -- the rule of a customer


def test_of_customer_adds_the_customer() -> None:
    rule = parse_rule("queue:down times=1").of_customer("cus_1")
    assert rule == parse_rule("queue:down times=1 customer=cus_1")
    assert rule.of_customer("cus_1") is rule


def test_of_customer_rejects_a_rule_of_another_customer() -> None:
    with pytest.raises(RuleError, match="this rule names another customer, 'cus_2'"):
        parse_rule("queue:down customer=cus_2").of_customer("cus_1")


# -- any text, any rule


@settings(deadline=None)
@given(
    st.text()
    | st.text(alphabet="enqueue:fail items=,0123 \"'rate.;worker/-+²٣")
    | st.builds(
        " ".join, st.lists(st.sampled_from([*FAULT_KINDS, *(f"{name}=" for name in MODIFIERS)]) | st.text(max_size=8))
    )
)
def test_parse_rule_returns_a_rule_or_raises_rule_error(text: str) -> None:
    try:
        rules = parse_rules(text)
        rule = parse_rule(text)
    except RuleError as refusal:
        error = refusal
    else:
        assert [rule] == rules or ";" in text
        return
    assert 0 <= error.column <= len(text)


_COUNTS = st.integers(1, 1000).map(str)
_TIMES = st.sampled_from(["250ms", "2s", "1m30s", "1.5h", "3d"])
_WORDS = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters='";'), min_size=1, max_size=10)
_QUOTED = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"], exclude_characters='"'), max_size=10).map(
    '"{}"'.format
)
_NAMES = _WORDS | _QUOTED | st.tuples(_WORDS, _QUOTED).map("".join)

#: Values of options and arguments.
_VALUES: dict[str, st.SearchStrategy[str]] = {
    "items": st.lists(st.integers(0, 999).map(str), min_size=1).map(",".join),
    "first": _COUNTS,
    "last": _COUNTS,
    "event": _NAMES,
    "retry-after": st.sampled_from(["0", "30", "date+5s", '"Wed, 21 Oct 2026 07:28:00 GMT"']),
    "body": st.sampled_from(["json", "html", "empty"]),
    "status": st.integers(200, 599).map(str),
    "json": st.sampled_from(["7", """'{"a": "b; c"}'""", "'[]'"]),
    "text": _NAMES | st.just("""'"a; b" is said'"""),
    "header": st.sampled_from(["X-A:b", "'X-A: \"b\" | X-C: d; e'"]),
    "times": _COUNTS,
    "after": st.integers(0, 1000).map(str),
    "every": _COUNTS,
    "rate": st.floats(0, 1).map(str),
    "seed": st.integers().map(str),
    "ttl": _TIMES,
    "org": _NAMES,
    "customer": _NAMES,
    "feature": _NAMES,
    "route": _NAMES,
    "plan": _NAMES,
    "reason": st.sampled_from(["card_declined", "insufficient_funds", "expired_card", "authentication_required"]),
    "topup:fail reason": st.sampled_from(["charge_failed", "missing_payment_method"]),
    "payment:late": _TIMES,
    "payment:processing": _TIMES,
    "down": _COUNTS,
    "up": _COUNTS,
    "worker:slow rate": st.sampled_from(["100/s", "0.5/second", "30/m", "1.5/minute"]),
    "worker:delay": _TIMES,
    "reply:status": st.integers(200, 599).map(str),
    "reply:delay": _TIMES | st.just("1s-2s"),
    "reply:content-type": st.sampled_from(["text/plain", '"a/b+c;d"']),
    "reply:dribble": _TIMES,
    "limit": st.sampled_from(["3/second", "60/minute", "1000/hour"]),
}


@st.composite
def rule_texts(draw: st.DrawFn) -> str:
    kind = draw(st.sampled_from(list(FAULT_KINDS.values())))
    words = [kind.name]
    if kind.argument is not None and (kind.argument_default is None or draw(st.booleans())):
        words.append(draw(_VALUES[kind.name]))
    names = draw(st.sets(st.sampled_from(list(kind.options_by_name()))))
    if kind.name == "worker:slow":
        names.add("rate")
    if kind.name == "reply:body":
        names.discard("text" if "json" in names else "json")
        names.add("status")
    is_success = kind.name == "reply:status" and words[1] < "300"
    if is_success:
        names.discard("body")
    options = [f"{name}={draw(_VALUES.get(f'{kind.name} {name}', _VALUES[name]))}" for name in names]
    if kind.has_phase and not is_success:
        options += draw(st.sampled_from([[], ["before=enqueue"], ["after=enqueue"]]))
    return draw(st.sampled_from([" ", "  ", " \t"])).join([*words, *draw(st.permutations(options))])


@settings(deadline=None)
@given(rule_texts(), st.integers())
def test_parse_rule_reads_the_text_of_a_rule(text: str, seed: int) -> None:
    rule = parse_rule(text)
    assert parse_rule(rule.text) == rule
    assert parse_rules(rule.text) == [rule]
    seeded = rule.seeded(seed)
    assert parse_rule(seeded.text) == seeded
    if "customer" not in rule.options:
        of_customer = seeded.of_customer("cus_1")
        assert parse_rule(of_customer.text) == of_customer


@pytest.mark.parametrize(
    "text",
    [
        ";".join(["reply:delay 1ms"] * 15_000),
        '"' * 200_000,
        "a" * 200_000,
        "reply:delay 1ms route=" + "*?" * 100_000,
        "reply:delay 1ms" + " times=1" * 20_000,
        "reply:delay 1ms route='" + "=" * 200_000,
        ";" * 200_000,
        " " * 200_000 + "reply",
    ],
    ids=["rules", "quotes", "a word", "a pattern", "options", "an open quote", "separators", "spaces"],
)
def test_a_large_text_is_parsed_or_refused_at_once(text: str) -> None:
    started = time.thread_time()
    with suppress(RuleError):
        for rule in parse_rules(text):
            assert rule.text
    assert time.thread_time() - started < 2
