"""Every knob, declared once. The command line's options, the ``AUTUMN_MOCK_*`` variables and Python's keywords
all come from here.

A variable is named after the field, in capitals; of a repeatable knob it holds several values with commas between. An
option wins over its variable.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timezone
from typing import Any

from autumn_mock.faults.grammar import RuleError, parse_rule


def _text(value: str) -> str:
    return value


def _port(value: str) -> int:
    port = int(value)
    if not 0 <= port <= 65535:
        raise ValueError("a port is a number from 0 to 65535; 0 picks a free one")
    return port


def _count(value: str) -> int:
    count = int(value)
    if count < 1:
        raise ValueError("must be at least 1")
    return count


def _size(value: str) -> int:
    found = re.fullmatch(r"(\d+)(b|kb|mb|gb)?", value.lower())
    size = int(found[1]) << {"b": 0, "kb": 10, "mb": 20, "gb": 30}[found[2] or "b"] if found else 0
    if size < 1:
        raise ValueError("write a size like 500KB, 16MB or 1GB")
    return size


def _batch_status(value: str) -> int:
    if value not in ("200", "202"):
        raise ValueError("must be 202 or 200")
    return int(value)


def _rate_limit(value: str) -> str:
    if value != "off" and not re.fullmatch(r"[1-9]\d*/(second|minute|hour)", value):
        raise ValueError("write it like 10/second or 600/minute, or off")
    return value


def read_instant(value: str) -> int:
    """An instant (ms) from ISO 8601 or milliseconds; without a zone it is UTC. Raises :class:`ValueError`."""
    if value.isascii() and value.lstrip("-").isdigit():
        return int(value)
    moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return int(moment.timestamp() * 1000)


def _switch(value: str) -> bool:
    known = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if value.lower() not in known:
        raise ValueError("must be true or false")
    return known[value.lower()]


def read_key(value: str) -> str:
    """A secret key, if it is one. Raises :class:`ValueError`."""
    if not re.fullmatch(r"am_sk_(test|live)_[A-Za-z0-9_]+", value):
        raise ValueError("a secret key begins with am_sk_test_ or am_sk_live_, then letters, numbers, underscores")
    return value


def _rule(value: str) -> str:
    parse_rule(value)
    return value


def read_url(value: str) -> str:
    """The URL of an endpoint, if it is one. Raises :class:`ValueError`."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(value)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine or not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError("must be a URL that begins with http:// or https://")
    return value


def read_secret(value: str) -> str:
    """A signing secret, if it is one. Raises :class:`ValueError`."""
    if not re.fullmatch(r"whsec_([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})", value):
        raise ValueError("must be whsec_ and then base64")
    return value


def _knob(
    default: Any, read: Callable[[str], Any], text: str, *, metavar: str = "", many: bool = False, flag: bool = False
) -> Any:
    metadata = {"read": read, "help": text, "metavar": metavar, "many": many, "flag": flag}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Settings:
    """How a server runs."""

    host: str = _knob("127.0.0.1", _text, "Address to listen on.", metavar="ADDRESS")
    port: int = _knob(2886, _port, "Port to listen on; 0 picks a free one.", metavar="PORT")
    db: str | None = _knob(None, _text, "Keep the state in this TinyDB file. Without it: memory only.", metavar="FILE")
    world: str = _knob("default", _text, "What to start from: a shipped world or a file.", metavar="NAME|FILE")
    key: tuple[str, ...] = _knob(
        (), read_key, "Open a further, empty organisation with this secret key. Repeatable.", metavar="KEY", many=True
    )
    auto_org: bool = _knob(
        False,
        _switch,
        "Open an organisation like the world's first one for any am_sk_test_ key that is new.",
        flag=True,
    )
    rate_limit: str = _knob(
        "10/second",
        _rate_limit,
        "Requests to batch_track for each organisation, like 10/second; off: no limits at all.",
        metavar="LIMIT",
    )
    workers: int = _knob(4, _count, "Threads that deduct what was queued.", metavar="N")
    batch_status: int = _knob(
        202,
        _batch_status,
        "Status of an accepted batch: 202 as documented, or 200 as newer servers send.",
        metavar="202|200",
    )
    fault: tuple[str, ...] = _knob((), _rule, "Arm a fault from the start. Repeatable.", metavar="RULE", many=True)
    webhook_url: tuple[str, ...] = _knob(
        (), read_url, "Send the webhooks of every organisation there. Repeatable.", metavar="URL", many=True
    )
    webhook_secret: str | None = _knob(
        None, read_secret, "Sign them with this. Without it: with the documented secret.", metavar="whsec_..."
    )
    control_token: str | None = _knob(
        None, _text, "What /_mock demands in x-autumn-mock-token. Needed when others can reach --host.", metavar="TOKEN"
    )
    fsync: bool = _knob(
        False, _switch, "Wait for the disk at every write: survives a power cut, not only a crash.", flag=True
    )
    max_body: int = _knob(
        32 << 20, _size, "Largest body of a request, like 32MB; more is answered 413.", metavar="SIZE"
    )
    max_queue: int = _knob(
        500_000, _count, "Most items that wait for workers; what does not fit is refused.", metavar="N"
    )
    max_events: int = _knob(
        1_000_000, _count, "Most events that each environment keeps; the oldest are dropped.", metavar="N"
    )
    journal_requests: int = _knob(1000, _count, "Requests that the journal keeps of each environment.", metavar="N")
    journal_bodies: int = _knob(16 << 20, _size, "Bytes of their bodies that it keeps, like 16MB.", metavar="SIZE")
    ready_file: str | None = _knob(
        None, _text, "Write the server's URL into this file once it answers; removed when it stops.", metavar="FILE"
    )
    seed: int | None = _knob(None, int, "Seed for faults that draw at random and name none.", metavar="N")
    now: int | None = _knob(
        None, read_instant, "The time to start at: ISO 8601, or milliseconds since 1970.", metavar="INSTANT"
    )


def knobs() -> Mapping[str, Mapping[str, Any]]:
    """Name to default, reader, help, placeholder, whether it is repeatable, and whether it stands without a value."""
    return {each.name: {"default": each.default, **each.metadata} for each in fields(Settings)}


def settings_of(base: Settings | None = None, **knobs: Any) -> Settings:
    """Settings from Python keywords, on top of others. A text is read as the option of that name reads it, and one of
    several values needs no list. Raises :class:`ValueError`, and :class:`TypeError` for a name that there is not."""
    known = Settings.__dataclass_fields__
    values: dict[str, Any] = {}
    for name, value in knobs.items():
        if name not in known:
            raise TypeError(f"there is no setting {name!r}; known: {', '.join(known)}")
        read, many = known[name].metadata["read"], known[name].metadata["many"]
        if many:
            given = (value,) if isinstance(value, str) else tuple(value)
            values[name] = tuple(_read(name, read, each) for each in given)
        else:
            values[name] = _read(name, read, value)
    return replace(base or Settings(), **values)


def _read(name: str, read: Callable[[str], Any], value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return read(value)
    except RuleError:  # shows the rule by itself
        raise
    except ValueError as error:
        raise ValueError(f"{name}={value!r}: {error}") from None


def variable(name: str) -> str:
    """The environment variable of a knob."""
    return f"AUTUMN_MOCK_{name.upper()}"
