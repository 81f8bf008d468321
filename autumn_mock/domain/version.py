"""API versions: their order, their names, and the version of an organisation whose requests name none.

What differs between versions is declared in :mod:`autumn_mock.wire.versions`, one file per version. A version is not an
ordered type on purpose: no other module may ask whether one version is newer than another.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from enum import Enum


class Version(Enum):
    """A version of the API, oldest first; the value is its dotted name."""

    V0_1 = "0.1.0"
    V0_2 = "0.2.0"
    V1_1 = "1.1.0"
    V1_2 = "1.2.0"
    BETA = "1.4.0"
    V2_0 = "2.0.0"
    V2_1 = "2.1.0"
    V2_2 = "2.2.0"
    V2_3 = "2.3.0"
    V2_4 = "2.4.0"
    V2_5 = "2.5.0"
    V2_6 = "2.6.0"
    NEWEST = V2_6


#: Names of a version besides the dotted one.
_OTHER_NAMES = {
    "2026-05-13": Version.V2_3,
    "2026-03-18": Version.V2_2,
    "2026-03-17": Version.V2_1,
    "2026-03-16": Version.V2_0,
    "beta": Version.BETA,
    "2025-05-05": Version.V1_2,
    "2025-04-17": Version.V1_1,
    "2025-04-01": Version.V0_2,
    "2025-02-01": Version.V0_1,
}
#: Of one number of a version.
_MOST_DIGITS = 9
#: Calendar names, which sort by age.
_DATE = re.compile(r"\d{4}-(0[1-9]|1[0-2])-([0-2]\d|3[01])", re.ASCII)
_NAMES = {**{version.value: version for version in Version}, **_OTHER_NAMES}


def _day(year: int, month: int, day: int) -> int:
    return int(datetime(year, month, day, tzinfo=timezone.utc).timestamp() * 1000)


#: Organisations created on or after a day (ms) have the version beside it by default; newest first.
_DEFAULTS = (
    (_day(2026, 5, 13), Version.V2_3),
    (_day(2026, 3, 18), Version.V2_2),
    (_day(2025, 5, 5), Version.V1_2),
    (_day(2025, 4, 17), Version.V1_1),
    (_day(2025, 1, 30), Version.V0_2),
)


def parse_version(text: str) -> Version | None:
    """The version that an ``x-api-version`` header names, or None if there is no such version.

    Calendar names may end in ``.clover``; dotted numbers are padded, or cut, to three parts.
    """
    name = text.removesuffix(".clover")
    if name in _NAMES:
        return _NAMES[name]
    numbers = _numbers(name)
    return _NAMES.get(".".join(numbers)) if numbers is not None else None


def is_future_version(text: str) -> bool:
    """Whether a name is that of a version after all known ones: a later date, or a higher number of this major version
    or the next one. Numbers beyond those are not likely to be versions; the real service refuses them (9.9.9).
    """
    name = text.removesuffix(".clover")
    if _DATE.fullmatch(name):
        return name > max(filter(_DATE.fullmatch, _OTHER_NAMES))
    numbers, newest = _numbers(name), Version.NEWEST.value.split(".")
    if numbers is None or any(len(each) > _MOST_DIGITS for each in numbers):
        return False
    return [*map(int, newest)] < [*map(int, numbers)] and int(numbers[0]) <= int(newest[0]) + 1


def _numbers(name: str) -> list[str] | None:
    """The three numbers of a dotted name, padded or cut; None for another name."""
    parts = name.split(".")
    return [*parts, "0", "0"][:3] if all(part.isascii() and part.isdigit() for part in parts) else None


def default_version(created_at: int) -> Version:
    """The default version of an organisation created at ``created_at`` (ms)."""
    return next((version for since, version in _DEFAULTS if created_at >= since), Version.V0_1)
