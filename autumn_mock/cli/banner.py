"""What ``serve`` says at its start: where it listens, and what is in it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timezone
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from autumn_mock import __version__
from autumn_mock.cli.settings_file import EVERYWHERE
from autumn_mock.domain.organisation import hash_key, shown_key
from autumn_mock.durations import duration_text

if TYPE_CHECKING:
    from autumn_mock.clock import Clock
    from autumn_mock.domain.organisation import ApiKey
    from autumn_mock.engine import Engine
    from autumn_mock.settings import Settings

#: Keys and rules, and names in a line, that are shown.
_MAX_LINES, _MAX_NAMES = 6, 8
#: A clock that differs by less is the machine's.
_NEARLY_MS = 1000
#: The header with the control token.
_TOKEN = "x-autumn-mock-token"  # noqa: S105  # its name


def facts(
    engine: Engine, url: str, world: str, settings_file: str | None = None, authority: str | None = None
) -> dict[str, Any]:
    """Names and values, in the order in which they are printed; a list has a line for each of its values.

    ``world``: where the initial state is from; ``settings_file``: where settings are from, if a file has some;
    ``authority``: the file with the authority that clients have to trust, if there is one.
    """
    state, settings = engine.state, engine.settings
    keys = [key for key in state.keys.snapshot() if not key.publishable]
    shown: dict[str, Any] = {
        "autumn-mock": __version__,
        "address": url,
        **({"public_url": settings.public_url} if settings.public_url is not None else {}),
        "page": _page(settings, url),
        **({"token": f"required: in {_TOKEN}, or --control-token of the commands"} if settings.control_token else {}),
        **({"authority": f"{authority}  clients trust it, for example by SSL_CERT_FILE"} if authority else {}),
        **({"settings": settings_file} if settings_file is not None else {}),
        "world": world,
        "keys": _first([_key(engine, key) for key in keys]) or "none; add one with --key",
    }
    if keys:
        environment = state.environment(keys[0].org_id, keys[0].env)
        features, plans, customers = environment.features, environment.plans, environment.customers
        plan_ids = {each.id: None for each in plans}  # a plan has a record for each of its versions
        shown["features"] = _names((each.id for each in features), len(features))
        shown["plans"] = _names(plan_ids, len(plan_ids))
        shown["customers"] = _names((each.id or each.internal_id for each in customers), len(customers))
    if settings.opens_organisations:
        shown["new_keys"] = _new_keys(settings)
    rules = [rule.text for rule in engine.first_faults]
    return {
        **shown,
        **_clock(state.clock),
        "faults": _first(rules) or "none",
        "database": settings.db or "none: the state is in memory; --db FILE keeps it",
        "stop": "Ctrl-C",
    }


def _page(settings: Settings, url: str) -> str | list[str]:
    """Where a browser finds the page; it cannot open an address that stands for all of them."""
    if settings.public_url is not None:
        return f"{settings.public_url}/_mock/"
    host = urlsplit(url).hostname or ""
    here = EVERYWHERE.get(host)
    if here is None:
        return f"{url}/_mock/"
    others = "from other machines: with the name of this one; --public-url URL shows it here"
    return [f"{url.replace(host, here, 1)}/_mock/", others]


def _new_keys(settings: Settings) -> str:
    """What a new test key opens, and for how long."""
    like = settings.auto_org_like
    source = "the world's first organisation" if like is None else f"the organisation of {shown_key(like)}"
    idle = settings.auto_org_idle
    end = "" if idle is None else f", until no request has used it for {duration_text(idle)}"
    return f"am_sk_test_… opens a copy of {source}{end}"


def _clock(clock: Clock) -> dict[str, str]:
    """What a clock shows that is not the machine's."""
    if not clock.frozen and abs(clock.offset) < _NEARLY_MS:
        return {}
    shown = datetime.fromtimestamp(clock.now() / 1000, timezone.utc).isoformat(timespec="seconds")
    return {"clock": f"{shown.replace('+00:00', 'Z')}, {'frozen' if clock.frozen else 'running'}"}


def _key(engine: Engine, key: ApiKey) -> str:
    """A key with what it opens. It is shown as the world or the settings have it, unless others may read the log."""
    known = [each for found in engine.world.organisations for each in found.secret_keys]
    plain = {hash_key(each): each for each in (*known, *engine.settings.key)}
    hint = shown_key(key.hint)
    text = hint if engine.settings.control_token is not None else plain.get(key.hash, hint)
    organisation = engine.state.organisation(key.org_id)
    slug = organisation.slug if organisation is not None else key.org_id
    return f"{text}  {slug}, {key.env}"


def _first(lines: list[str]) -> list[str]:
    more = len(lines) - _MAX_LINES
    return lines if more <= 0 else [*lines[:_MAX_LINES], f"and {more} more"]


def _names(names: Iterable[str], count: int) -> str:
    shown = [each if len(each) <= 40 else f"{each[:40]}…" for each in islice(names, _MAX_NAMES)]
    more = f" and {count - len(shown)} more" if count > len(shown) else ""
    return (", ".join(shown) + more) or "none"
