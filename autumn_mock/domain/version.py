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
    NEWEST = V2_5


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


#: The years and the largest number before the first dot that a version after the newest one may have.
_NEXT_YEARS, _NEXT_MAJOR = 10, int(Version.NEWEST.value.split(".")[0]) + 1
_NEWEST_NUMBERS = tuple(map(int, Version.NEWEST.value.split(".")))
_NEWEST_DAY = max(name for name in _OTHER_NAMES if name[0].isdigit())


def is_newer(text: str) -> bool:
    """Whether a text that names no version may name one that comes after the newest: the next numbers or days."""
    name = text.removesuffix(".clover")
    if re.fullmatch(r"\d{1,3}(\.\d{1,3}){0,2}", name, re.ASCII):
        numbers = tuple(map(int, [*name.split("."), "0", "0"][:3]))
        return numbers > _NEWEST_NUMBERS and numbers[0] <= _NEXT_MAJOR
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", name, re.ASCII):
        return False
    return name > _NEWEST_DAY and int(name[:4]) <= int(_NEWEST_DAY[:4]) + _NEXT_YEARS


def parse_version(text: str) -> Version | None:
    """The version that an ``x-api-version`` header names, or None if there is no such version.

    Calendar names may end in ``.clover``; dotted numbers are padded, or cut, to three parts.
    """
    name = text.removesuffix(".clover")
    parts = name.split(".")
    if name not in _NAMES and all(part.isascii() and part.isdigit() for part in parts):
        name = ".".join([*parts, "0", "0"][:3])
    return _NAMES.get(name)


def default_version(created_at: int) -> Version:
    """The default version of an organisation created at ``created_at`` (ms)."""
    return next((version for since, version in _DEFAULTS if created_at >= since), Version.V0_1)
