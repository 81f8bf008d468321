"""Bodies that are nearly right, made from a row of choices: hypothesis makes them, or the bytes of a fuzzer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Protocol, TypeVar

from hypothesis import strategies as st

NOW = 1_795_390_000_000

T = TypeVar("T")


class Choices(Protocol):
    """A source of choices."""

    def below(self, limit: int) -> int:
        """A whole number from 0 to below ``limit``; 0 is the plainest."""


class Drawn:
    """Hypothesis chooses."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def below(self, limit: int) -> int:
        return self._draw(st.integers(0, limit - 1))


class FromBytes:
    """Bytes choose, one for each choice (two where it is wide); 0 when there are no more."""

    def __init__(self, data: bytes) -> None:
        self._bytes = iter(data)

    def below(self, limit: int) -> int:
        number = next(self._bytes, 0)
        if limit > 256:
            number = number << 8 | next(self._bytes, 0)
        return number % limit


#: Values of every kind, as JSON writes them, and some that it does not know.
ANYTHING = (
    *("null", "true", "false", "0", "1", "-1", "1.5", "-0", "-0.0", "1e999", "-1e999", "1e300", "-1e300", "1E2"),
    *('""', '"x"', "[]", "[1]", "[[]]", "{}", '{"a":null}', '{"__proto__":{"a":1}}', '"\\ud83d\\ude00"', '"\\ud800"'),
    *("9007199254740991", "9007199254740992", "-9007199254740992", "18446744073709551616", str(NOW), str(NOW + 1)),
    *("9" * 30, "9" * 400, "9" * 5000, "1e-400", str(2**1024 - 2**970 - 1), str(2**1024 - 2**970)),
    *("NaN", "Infinity", "-Infinity", "01", "1.", ".5", "+1", "tru", '"\\x"', '"\t"', "'a'", '"\u2603"', '"a\\u0000b"'),
    *("[" * 130 + "]" * 130, "[" * 124 + "]" * 124, "[" * 126 + "]" * 126, "[" * 2000 + "]" * 2000),
)
TEXTS = ('"cus_1"', '"messages"', '""', '"\u2603"', '"\\ud800"', '"a b@c.d/"', '"null"', '"' + "x" * 300 + '"')
NUMBERS = ("1", "0", "-2.5", "1e308", "9007199254740993", "1.0", "36893488147419103232", str(2**1024 - 2**970 - 1))
BOOLEANS = ("true", "false")
LOCK_IDS = ('"l"', '""', f'"{"l" * 256}"', f'"{"l" * 257}"', f'"{"😀" * 128}"', f'"{"😀" * 129}"', f'"{"☃" * 256}"')
RECORDS = ('{"region":"us"}', "{}", '{"a":null,"b":[1,{"c":1e999}]}', '{"":"\\udfff"}')
EMAILS = (
    *('"a@b.co"', '"foo"', '""', '".a@b.co"', '"a..b@c.de"', '"a.@b.co"', '"a\'@b.co"', '"a\'b@c.de"', '"a@b-.co"'),
    *('"a@-b.co"', '"a@b.c"', '"A+1@B.C.DE"', '"a@b.co\\n"', '"\u00e9@b.co"', '"a@b.c\u0131"', '"@b.co"', '"a@b..co"'),
)
CURRENCIES = ('"usd"', '"EUR"', '"xxx"', '""', '"\u017fek"', '"u\u017fd"')
INSTANTS = ("1", str(NOW), str(NOW + 1), "0", "-1", "1.5", "1.0", "1e12", "1e300", "-1e300", "1700000000000.0")

#: Field to what it may hold; the first is always right.
FIELDS: dict[str, Sequence[str]] = {
    "customer_id": TEXTS,
    "feature_id": TEXTS,
    "entity_id": TEXTS,
    "event_name": TEXTS,
    "value": NUMBERS,
    "properties": RECORDS,
    "idempotency_key": TEXTS,
    "timestamp": INSTANTS,
    "overage_behavior": ('"cap"', '"overflow"', '"reject"', '"Cap"', '"foo"'),
    "skip_event": BOOLEANS,
    "async": BOOLEANS,
}
LOCK: dict[str, Sequence[str]] = {
    "lock_id": LOCK_IDS,
    "enabled": BOOLEANS,
    "hashed_key": TEXTS,
    "expires_at": NUMBERS,
}
CUSTOMER_DATA: dict[str, Sequence[str]] = {
    "name": TEXTS,
    "email": EMAILS,
    "fingerprint": TEXTS,
    "metadata": RECORDS,
    "stripe_id": TEXTS,
    "create_in_stripe": BOOLEANS,
    "auto_enable_plan_id": TEXTS,
    "send_email_receipts": BOOLEANS,
    "currency": CURRENCIES,
}
CONFIG: dict[str, Sequence[str]] = {"disable_pooled_balance": BOOLEANS, "disable_overage_billing": BOOLEANS}
ENTITY_DATA: dict[str, Sequence[str]] = {"feature_id": TEXTS, "name": TEXTS}

#: Unknown keys, some of them similar to known ones.
STRANGE_KEYS = ("x", "customerId", "", "taken", "async_", "Value", "null", "\\u0076alue", "\\ud800", "__proto__")
#: What may be put into the text of a body, or in place of a piece of it.
SCRAPS = (
    *(b"", b",", b":", b'"', b"{", b"}", b"[", b"]", b"\\", b"0", b"9", b"-", b".", b"e", b" ", b"\n", b"\t", b"\0"),
    *(b"null", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xc3", b"\xf0\x9f\x98", b"\x1f", b"/*", b"NaN", b"n"),
)


def pick(choices: Choices, options: Sequence[T]) -> T:
    """One of several; the first is the plainest."""
    return options[choices.below(len(options))]


def _value(choices: Choices, right: Sequence[str]) -> str:
    """A value of the right kind, and now and then any other."""
    kind = choices.below(8)
    if kind < 4:
        return right[0]
    return pick(choices, right if kind < 7 else ANYTHING)


def _object(choices: Choices, always: Sequence[str], known: dict[str, Sequence[str]], nested: dict[str, str]) -> str:
    """An object: what is ``always`` there, some of what is ``known`` or ``nested`` in it, and a few mistakes."""
    pairs = [(key, _value(choices, known[key])) for key in always]
    for _ in range(choices.below(4)):
        key = pick(choices, [*known, *nested])
        pairs.append((key, nested[key] if key in nested else _value(choices, known[key])))
    for _ in range(choices.below(3)):
        mistake = choices.below(4)
        if mistake == 0:
            pairs.append((pick(choices, STRANGE_KEYS), pick(choices, ANYTHING)))
        elif mistake == 1 and pairs:
            del pairs[choices.below(len(pairs))]
        elif mistake == 2 and pairs:
            place = choices.below(len(pairs))
            pairs[place] = (pairs[place][0], pick(choices, ANYTHING))
        elif mistake == 3:
            pairs.append((pick(choices, [*known, *nested]), pick(choices, ANYTHING)))
    return "{" + ",".join(f'"{key}":{value}' for key, value in pairs) + "}"


def item_text(choices: Choices) -> str:
    """One item."""
    if choices.below(16) == 15:
        return pick(choices, ANYTHING)
    nested = {"lock": "", "customer_data": "", "entity_data": ""}
    which = choices.below(8)
    if which == 4 or which == 5:
        nested["lock"] = _object(choices, ["lock_id", "enabled"], LOCK, {})
    elif which == 6:
        config = _object(choices, [], CONFIG, {})
        nested["customer_data"] = _object(choices, [], CUSTOMER_DATA, {"config": config})
    elif which == 7:
        nested["entity_data"] = _object(choices, ["feature_id"], ENTITY_DATA, {})
    nested = {key: made for key, made in nested.items() if made}
    names = pick(choices, (["feature_id"], ["feature_id"], ["event_name"], ["feature_id", "event_name"], []))
    made = _object(choices, ["customer_id", *names], FIELDS, nested)
    for key, value in nested.items():
        if f'"{key}":' not in made and made.endswith("}"):
            made = f'{made[:-1]}{"," if made != "{}" else ""}"{key}":{value}}}'
    return made


def body(choices: Choices, *, single: bool = False) -> bytes:
    """A body of batch_track, or of track."""
    if single:
        written = item_text(choices)
    else:
        size = choices.below(40)
        items = [item_text(choices) for _ in range(1 if size < 20 else size % 4)]
        if size == 39 and items:
            items += [items[0]] * pick(choices, (999, 1000, 1001))
        written = "[" + ",".join(items) + "]"
    text = written.encode("utf-8", "surrogatepass")
    return _smudged(choices, text) if choices.below(4) == 3 else text


def _smudged(choices: Choices, text: bytes) -> bytes:
    """A text with up to three slips of the pen."""
    for _ in range(1 + choices.below(3)):
        start = choices.below(len(text) + 1)
        text = text[:start] + pick(choices, SCRAPS) + text[start + choices.below(3) :]
    return text


@st.composite
def near_valid_bodies(draw: st.DrawFn, *, single: bool = False) -> bytes:
    """What :func:`body` makes."""
    return body(Drawn(draw), single=single)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*FIELDS, "lock"]) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=8,
)
#: Any JSON, NaN and infinity included, which JSON does not know.
json_bodies = json_values.map(lambda value: json.dumps(value).encode())
any_bytes = st.binary(max_size=80) | st.lists(st.sampled_from(SCRAPS), max_size=12).map(b"".join)
