"""What balances.batch_track and balances.track say to a body: slow, obvious, straight from contract.md 3.1 to 3.4.

Nothing here knows the schema package. Where the tables are silent (the order of the keys of ``customer_data``, an email
that is not text) the words are those of zod 4, which the real server runs. What no table describes at all raises
:class:`Unspecified`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

#: The rule of this program alone: deeper nesting counts as malformed.
DEEPEST = 128
SAFE = 9007199254740991
ONE_OF_TWO = "Either feature_id or event_name must be provided"

#: zod 4's own pattern for an email address, letter by letter.
_EMAIL = re.compile(r"(?!\.)(?!.*\.\.)([A-Za-z0-9_'+\-\.]*)[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9\-]*\.)+[A-Za-z]{2,}")
_CURRENCY_CODES = """
usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd cad cdf chf
clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl hrk htg huf idr
ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop mur mvr
mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr sek sgd
shp sle sos srd std szl thb tjs tnd top try ttd twd tzs uah ugx uyu uzs vnd vuv wst xaf xcd xof xpf yer zar zmw
"""
_CURRENCIES = set(_CURRENCY_CODES.split())


class Unspecified(Exception):
    """No table says what the answer is."""


class Missing:
    """The value of a key that is not there."""


class Verdict(NamedTuple):
    """``message`` is what a refusal says, and None when the body is accepted as ``value``."""

    message: str | None
    value: Any = None


def batch_verdict(body: bytes, now: int) -> Verdict:
    """What batch_track says to a body."""
    found = Findings()
    value = decoded(body)
    if not isinstance(value, list):
        found.add("", f"Invalid input: expected array, received {type_name(value)}")
        length(found, "", value, least=1, most=1000)
        return found.verdict(None)
    items = [check_item(found, str(index), item, now) for index, item in enumerate(value)]
    length(found, "", value, least=1, most=1000)
    return found.verdict(items)


def track_verdict(body: bytes, now: int) -> Verdict:
    """What track says to a body: the same as to one item, without its index."""
    found = Findings()
    return found.verdict(check_item(found, "", decoded(body), now))


# -- the body


def decoded(body: bytes) -> Any:
    """The body as the real server reads it: text in UTF-8, and whatever is not JSON is an empty object."""
    text = body.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    try:
        value = json.loads(text, parse_int=_as_double, parse_float=_as_double, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return {}
    if value is None or depth(value) > DEEPEST:
        return {}
    return whole_text(value)


def _as_double(digits: str) -> float:
    """Every number is a double; one that is out of range is infinite."""
    return float(digits)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def depth(value: Any) -> int:
    """How many lists and objects are around the innermost value."""
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


def whole_text(value: Any) -> Any:
    """The value with every half of a surrogate pair replaced, as it is when it is written out again."""
    if isinstance(value, str):
        return re.sub("[\ud800-\udfff]", "\ufffd", value)
    if isinstance(value, list):
        return [whole_text(each) for each in value]
    if isinstance(value, dict):
        return {whole_text(key): whole_text(each) for key, each in value.items()}
    return value


# -- findings


class Findings:
    """What was found wrong so far, in order."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        #: How many of them abort the value that they are about.
        self.aborting = 0

    def add(self, path: str, text: str, *, aborts: bool = False) -> None:
        self.lines.append(f"{path or 'input'}: {text}")
        self.aborting += aborts

    def verdict(self, value: Any) -> Verdict:
        if not self.lines:
            return Verdict(None, value)
        if len(self.lines) == 1:
            return Verdict(self.lines[0])
        return Verdict("[Validation Errors] " + "; ".join(self.lines))


Check = Callable[[Findings, str, Any], Any]


def type_name(value: Any) -> str:
    if value is Missing:
        return "undefined"
    if value is None:
        return "null"
    if value is True or value is False:
        return "boolean"
    if isinstance(value, str):
        return "string"
    if isinstance(value, float):
        return "number"
    return "array" if isinstance(value, list) else "object"


def text(found: Findings, path: str, value: Any) -> Any:
    if not isinstance(value, str):
        found.add(path, f"must be a string (received {type_name(value)})", aborts=True)
    return value


def length(found: Findings, path: str, value: Any, *, least: int = 0, most: int) -> None:
    """The checks of length. zod makes them on whatever has a length, even when its kind is wrong already."""
    if isinstance(value, str):
        units = len(value.encode("utf-16-le")) // 2
        if units < least:
            found.add(path, "cannot be empty")
        if units > most:
            found.add(path, f"Too big: expected string to have <={most} characters")
    elif isinstance(value, list):
        if len(value) < least:
            found.add(path, f"Too small: expected array to have >={least} items")
        if len(value) > most:
            found.add(path, f"Too big: expected array to have <={most} items")


def event_name(found: Findings, path: str, value: Any) -> Any:
    text(found, path, value)
    length(found, path, value, least=1, most=SAFE)
    return value


def lock_id(found: Findings, path: str, value: Any) -> Any:
    text(found, path, value)
    length(found, path, value, most=256)
    return value


def email(found: Findings, path: str, value: Any) -> Any:
    if not isinstance(value, str):
        found.add(path, "not a valid email address", aborts=True)
    elif not _EMAIL.fullmatch(value):
        found.add(path, "not a valid email address")
    return value


def currency(found: Findings, path: str, value: Any) -> Any:
    text(found, path, value)
    if isinstance(value, str) and value.lower() not in _CURRENCIES:
        found.add(path, "must be a Stripe-supported currency code")
    return value


def number(found: Findings, path: str, value: Any) -> Any:
    if not isinstance(value, float) or math.isinf(value):
        found.add(path, f"must be a number (received {type_name(value)})", aborts=True)
    return value


def boolean(found: Findings, path: str, value: Any) -> Any:
    if value is not True and value is not False:
        found.add(path, f"must be a boolean (received {type_name(value)})", aborts=True)
    return value


def true(found: Findings, path: str, value: Any) -> Any:
    if value is not True:
        found.add(path, "Invalid input: expected true", aborts=True)
    return value


def record(found: Findings, path: str, value: Any) -> Any:
    if not isinstance(value, dict):
        found.add(path, f"Invalid input: expected record, received {type_name(value)}", aborts=True)
    return value


def overage_behavior(found: Findings, path: str, value: Any) -> Any:
    if value not in ("cap", "overflow", "reject"):
        found.add(path, "Invalid input", aborts=True)
    return value


def unspecified(found: Findings, path: str, value: Any) -> Any:
    raise Unspecified(path, found, value)


def instant(now: int) -> Check:
    """A timestamp."""

    def check(found: Findings, path: str, value: Any) -> Any:
        if not isinstance(value, float) or math.isinf(value):
            return number(found, path, value)
        if not value.is_integer():
            found.add(path, "Invalid input: expected int, received number", aborts=True)
            return value
        if value > SAFE:
            found.add(path, "Too big: expected int to be <9007199254740991")
            found.add(path, "Too big: expected int to be <9007199254740991")
        if value < -SAFE:
            found.add(path, "Too small: expected int to be >-9007199254740991")
            found.add(path, "Too small: expected int to be >-9007199254740991")
        if value < 0:
            found.add(path, "Too small: expected number to be >=0")
        if value <= 0:
            found.add(path, "Too small: expected number to be >0")
        if value > now:
            found.add(path, "timestamp cannot be in the future")
        return value

    return check


def optional(check: Check) -> Check:
    """The key may be left out."""
    return lambda found, path, value: value if value is Missing else check(found, path, value)


def nullish(check: Check) -> Check:
    """The key may be left out or null."""
    return lambda found, path, value: value if value is Missing or value is None else check(found, path, value)


def fields(found: Findings, path: str, value: Any, checks: dict[str, Check]) -> Any:
    """An object with these keys, read in this order; others are stripped silently."""
    if not isinstance(value, dict):
        found.add(path, f"Invalid input: expected object, received {type_name(value)}", aborts=True)
        return value
    kept = {}
    for key, check in checks.items():
        result = check(found, f"{path}.{key}" if path else key, value.get(key, Missing))
        if result is not Missing:
            kept[key] = result
    return kept


def record_of(checks: dict[str, Check]) -> Check:
    """An object with these keys, as one of the keys of another."""
    return lambda found, path, value: fields(found, path, value, checks)


# -- the table of 3.4

LOCK = {
    "lock_id": lock_id,
    "enabled": true,
    "hashed_key": optional(text),
    "expires_at": optional(number),
}
CUSTOMER_DATA = {
    "name": nullish(text),
    "email": nullish(email),
    "fingerprint": nullish(text),
    "metadata": nullish(record),
    "stripe_id": nullish(text),
    "create_in_stripe": optional(boolean),
    "auto_enable_plan_id": optional(text),
    "processors": optional(unspecified),
    "send_email_receipts": optional(boolean),
    "currency": nullish(currency),
    "billing_controls": optional(unspecified),
    "config": optional(
        record_of({"disable_pooled_balance": optional(boolean), "disable_overage_billing": optional(boolean)})
    ),
    "billing_details": optional(unspecified),
    "internal_options": optional(unspecified),
}
ENTITY_DATA = {
    "feature_id": text,
    "name": optional(text),
    "billing_controls": optional(unspecified),
    "metadata": optional(unspecified),
}


def check_item(found: Findings, path: str, value: Any, now: int) -> Any:
    """One item; ``path`` is its index, or empty."""
    aborting = found.aborting
    kept = fields(
        found,
        path,
        value,
        {
            "customer_id": text,
            "feature_id": optional(text),
            "entity_id": optional(text),
            "event_name": optional(event_name),
            "value": optional(number),
            "properties": optional(record),
            "idempotency_key": optional(text),
            "timestamp": optional(instant(now)),
            "overage_behavior": optional(overage_behavior),
            "customer_data": optional(record_of(CUSTOMER_DATA)),
            "entity_data": optional(record_of(ENTITY_DATA)),
            "skip_event": optional(boolean),
            "async": optional(boolean),
            "lock": optional(record_of(LOCK)),
        },
    )
    if found.aborting == aborting and bool(kept.get("feature_id")) == bool(kept.get("event_name")):
        found.add(path, ONE_OF_TWO)
    return kept
