"""Every setting, declared once: the command line's options, the ``AUTUMN_MOCK_*`` variables and Python's keywords.

A variable has the name of the field, in capitals; for a repeatable setting it holds values separated by commas. An
option overrides its variable.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timezone
from typing import Any, get_args

from autumn_mock.clock import in_calendar
from autumn_mock.domain.payment import PaymentMode
from autumn_mock.domain.webhook import WebhookEndpoint
from autumn_mock.durations import parse_duration
from autumn_mock.faults.grammar import RuleError, parse_rule

#: The limit of ``balances.batch_track`` per organisation (contract 10), in Flask-Limiter's notation.
DEFAULT_RATE_LIMIT = "10/second"


def _text(value: str) -> str:
    if not value.strip() or "\0" in value:
        raise ValueError("must not be empty")
    return value


def _database(value: str) -> str:
    if value == "-":
        raise ValueError("a database must be a file; --world - reads a state from standard input")
    return _text(value)


def read_token(value: str) -> str:
    """Check a token of the control API. Raises :class:`ValueError`."""
    if not re.fullmatch(r"[!-~]([ -~]*[!-~])?", value):
        raise ValueError("must be a token of printable ASCII characters that is not empty")
    return value


#: More are out of every range.
_MOST_DIGITS = 30


def _whole(value: str) -> int | None:
    """A whole number of at most 18 digits; None for any other text."""
    return int(value) if re.fullmatch(r"[+-]?\d{1,18}", value, re.ASCII) else None


def _port(value: str) -> int:
    port = _whole(value)
    if port is None or not 0 <= port <= 65535:
        raise ValueError("must be a number from 0 to 65535; 0 selects a free port")
    return port


def _count(value: str) -> int:
    count = _whole(value)
    if count is None or count < 1:
        raise ValueError("must be a whole number of at least 1")
    return count


def _seed(value: str) -> int:
    seed = _whole(value)
    if seed is None:
        raise ValueError("must be a whole number")
    return seed


def _size(value: str) -> int:
    found = re.fullmatch(r"(\d+)(b|kb|mb|gb)?", value.lower())
    size = int(found[1]) << {"b": 0, "kb": 10, "mb": 20, "gb": 30}[found[2] or "b"] if found else 0
    if size < 1:
        raise ValueError("must be a size like 500KB, 16MB or 1GB")
    return size


def _idle_time(value: str) -> int:
    milliseconds = parse_duration(value)
    if milliseconds < 1000:
        raise ValueError("must be at least 1s")
    return milliseconds


def _batch_status(value: str) -> int:
    if value not in ("200", "202"):
        raise ValueError("must be 202 or 200")
    return int(value)


def _payments(value: str) -> str:
    if value not in get_args(PaymentMode):
        raise ValueError(f"must be one of {', '.join(get_args(PaymentMode))}")
    return value


def _rate_limit(value: str) -> str:
    if value != "off" and not re.fullmatch(r"[1-9][0-9]{0,8}/(second|minute|hour)", value):
        raise ValueError("must be like 10/second or 600/minute, or off")
    return value


def read_instant(value: str) -> int:
    """An instant (ms) from ISO 8601 or milliseconds; without a zone it is UTC. Raises :class:`ValueError`."""
    if value.isascii() and value.lstrip("-").isdigit():
        return in_calendar(int(value[:_MOST_DIGITS]))
    try:
        moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        raise ValueError("must be an instant like 2026-01-31 or 2026-01-31T12:00:00Z, or milliseconds") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    try:
        return in_calendar(int(moment.timestamp() * 1000))
    except OverflowError as error:
        raise ValueError(str(error)) from None


def _switch(value: str) -> bool:
    known = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if value.lower() not in known:
        raise ValueError("must be true or false")
    return known[value.lower()]


def read_key(value: str) -> str:
    """Check a secret key. Raises :class:`ValueError`."""
    if not re.fullmatch(r"am_sk_(test|live)_[A-Za-z0-9_-]+", value):
        raise ValueError(
            "invalid key: must begin with am_sk_test_ or am_sk_live_, then letters, numbers, underscores, hyphens"
        )
    return value


def _rule(value: str) -> str:
    parse_rule(value)
    return value


def read_url(value: str) -> str:
    """Check an HTTP URL. Raises :class:`ValueError`."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(value)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine or not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError("must be a URL that begins with http:// or https://")
    return value


def read_origin(value: str) -> str:
    """A URL without a path, and without a slash at its end. Raises :class:`ValueError`."""
    from urllib.parse import urlsplit

    parts = urlsplit(read_url(value))
    if parts.path not in ("", "/") or parts.username is not None or any(each in value for each in "?#"):
        raise ValueError("must be a scheme and a host, like https://billing.example.test, without a path")
    usual = {"http": ":80", "https": ":443"}[parts.scheme]
    return f"{parts.scheme}://{parts.netloc.lower().removesuffix(usual)}"  # as browsers write an origin


def read_secret(value: str) -> str:
    """Check a webhook signing secret. Raises :class:`ValueError`."""
    if not re.fullmatch(r"whsec_([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})", value):
        raise ValueError("must be whsec_ and then base64")
    return value


def read_endpoint(url: str, secret: str) -> WebhookEndpoint:
    """Check a receiver of webhooks. Raises :class:`ValueError`, which says whether it is the url or the secret."""
    checked = []
    for name, read, value in (("url", read_url, url), ("secret", read_secret, secret)):
        try:
            checked.append(read(value))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return WebhookEndpoint(*checked)


def _setting(
    default: Any,
    read: Callable[[str], Any],
    text: str,
    *,
    metavar: str = "",
    many: bool = False,
    flag: bool = False,
    limit: bool = False,
    secret: bool = False,
) -> Any:
    """A field with its parser and the help of its option.

    ``limit``: help lists it apart, among the limits. ``secret``: an empty variable is a mistake, not an unset one.
    """
    metadata = {"read": read, "help": text, "metavar": metavar, "many": many, "flag": flag, "limit": limit}
    metadata["secret"] = secret
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Settings:
    """The configuration of a server."""

    host: str = _setting("127.0.0.1", _text, "Address to listen on.", metavar="ADDRESS")
    port: int = _setting(2886, _port, "Port to listen on; 0 selects a free one.", metavar="PORT")
    public_url: str | None = _setting(
        None,
        read_origin,
        "URL at which clients reach the server, through a proxy: payment pages and other links begin with it.",
        metavar="URL",
    )
    tls: bool = _setting(False, _switch, "Speak HTTPS, with a certificate made at the start (extra tls).", flag=True)
    tls_cert: str | None = _setting(
        None,
        _text,
        "Speak HTTPS with the certificate, and those of its chain, in this PEM file.",
        metavar="FILE",
    )
    tls_key: str | None = _setting(
        None, _text, "The key of --tls-cert, in PEM without a password, unless it is in the same file.", metavar="FILE"
    )
    db: str | None = _setting(
        None, _database, "Persist the state in this TinyDB file. Without it: in memory only.", metavar="FILE"
    )
    world: str = _setting(
        "default",
        _text,
        "Initial state: a shipped world, a file, a folder of files, or - for standard input.",
        metavar="NAME|FILE",
    )
    key: tuple[str, ...] = _setting(
        (), read_key, "Add an empty organisation with this secret key. Repeatable.", metavar="KEY", many=True
    )
    auto_org: bool = _setting(
        False, _switch, "Open a copy of the world's first organisation for every new am_sk_test_ key.", flag=True
    )
    auto_org_like: str | None = _setting(
        None,
        read_key,
        "The same, with copies of the organisation of this key, as it is when it is copied; also --auto-org like=KEY.",
        metavar="KEY",
    )
    auto_org_idle: int | None = _setting(
        None,
        _idle_time,
        "Like --auto-org, and delete the organisations that it opened when no request has used them for this long, "
        "like 1h; not those that were named.",
        metavar="TIME",
    )
    rate_limit: str = _setting(
        DEFAULT_RATE_LIMIT,
        _rate_limit,
        "Rate limit of batch_track per organisation; off: no limits at all.",
        metavar="LIMIT",
    )
    workers: int = _setting(4, _count, "Threads that deduct queued items.", metavar="N")
    batch_status: int = _setting(
        202,
        _batch_status,
        "Status of an accepted batch: 202 as documented, or 200 as newer servers send.",
        metavar="202|200",
    )
    payments: PaymentMode = _setting(  # noqa: RUF009  # one of a few texts
        "page",
        _payments,
        "Customers without a card: pay on a page, have a card that works (accept) or one that is declined (decline); "
        "off: nothing can be bought.",
        metavar="page|accept|decline|off",
    )
    strict_versions: bool = _setting(
        False,
        _switch,
        "Refuse API versions newer than all known ones, which are else answered as the newest.",
        flag=True,
    )
    fault: tuple[str, ...] = _setting((), _rule, "Arm a fault at startup. Repeatable.", metavar="RULE", many=True)
    webhook_url: tuple[str, ...] = _setting(
        (), read_url, "Send the webhooks of every organisation to this URL. Repeatable.", metavar="URL", many=True
    )
    webhook_secret: str | None = _setting(
        None, read_secret, "Secret that signs them. Without it: the documented one.", metavar="whsec_...", secret=True
    )
    control_token: str | None = _setting(
        None,
        read_token,
        "Token that /_mock requires in x-autumn-mock-token. Needed if --host is not a loopback address.",
        metavar="TOKEN",
        secret=True,
    )
    fsync: bool = _setting(
        False, _switch, "Wait for the disk at every write: survives a power failure, not only a crash.", flag=True
    )
    max_body: int = _setting(
        32 << 20, _size, "Largest request body, like 32MB; larger ones get 413.", metavar="SIZE", limit=True
    )
    max_queue: int = _setting(
        500_000, _count, "Largest number of queued items; further ones are refused.", metavar="N", limit=True
    )
    max_events: int = _setting(
        1_000_000,
        _count,
        "Largest number of events per environment; the oldest are dropped.",
        metavar="N",
        limit=True,
    )
    journal_requests: int = _setting(
        1000, _count, "Requests that the journal keeps per environment.", metavar="N", limit=True
    )
    journal_bodies: int = _setting(
        16 << 20, _size, "Bytes of headers, bodies and replies that it keeps, like 16MB.", metavar="SIZE", limit=True
    )
    ready_file: str | None = _setting(
        None,
        _text,
        "Write the URL to this file once the server is ready; deleted at the end; - is standard output.",
        metavar="FILE",
    )
    seed: int | None = _setting(
        None, _seed, "Seed for random faults that name none, and for ids: they are the same in each run.", metavar="N"
    )
    now: int | None = _setting(
        None, read_instant, "Initial time: ISO 8601, or milliseconds since 1970.", metavar="INSTANT"
    )
    frozen: bool = _setting(
        False, _switch, "Begin with a clock that does not run; it can be moved, and unfrozen.", flag=True
    )

    def __post_init__(self) -> None:
        """Parse every text, however the settings were made. Raises :class:`ValueError`."""
        for each in fields(self):
            value, read = getattr(self, each.name), each.metadata["read"]
            if each.metadata["many"]:
                given = (value,) if isinstance(value, str) else tuple(value)
                value = tuple(_read(each.name, read, one) for one in given)
            else:
                value = _read(each.name, read, value)
            object.__setattr__(self, each.name, value)  # it is frozen from here on

    @property
    def opens_organisations(self) -> bool:
        """Whether the first request with a new test key opens an organisation."""
        return self.auto_org or self.auto_org_like is not None or self.auto_org_idle is not None

    @property
    def uses_tls(self) -> bool:
        """Whether the server speaks HTTPS."""
        return self.tls or self.tls_cert is not None or self.tls_key is not None


def declarations() -> Mapping[str, Mapping[str, Any]]:
    """For each setting: its default, and what :func:`_setting` was called with."""
    return {each.name: {"default": each.default, **each.metadata} for each in fields(Settings)}


def settings_of(base: Settings | None = None, **values: Any) -> Settings:
    """Settings from Python keywords, which override those of ``base``.

    A text is parsed like the option's value; one value of a repeatable setting needs no list. Raises
    :class:`ValueError` for an invalid value, and :class:`TypeError` for an unknown name.
    """
    known = Settings.__dataclass_fields__
    for name in values:
        if name not in known:
            raise TypeError(f"there is no setting {name!r}; known: {', '.join(known)}")
    return replace(base or Settings(), **values)


def _read(name: str, read: Callable[[str], Any], value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return read(value)
    except RuleError:  # its message shows the rule
        raise
    except ValueError as error:
        raise ValueError(f"{name}={value!r}: {error}") from None


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return f"AUTUMN_MOCK_{name.upper()}"
