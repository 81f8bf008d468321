"""What differs between API versions: the one place that compares them.

Each version that changed something has a file here, named after its member of
:class:`~autumn_mock.domain.version.Version`, with a ``CHANGES`` record of everything it changed. Requests are upgraded
by the changes since their version, oldest first; answers are built in the newest shape and downgraded by the changes
since the version of the request, newest first. To add a version, add a member to the enumeration,
move ``NEWEST`` to it, and add a file here.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from autumn_mock.domain.version import Version
from autumn_mock.wire.versions.declaration import Downgrade, Json, VersionChanges, VersionTraits

#: The shape of the balances that the control API, the command line and the pytest fixture show, so that a new version
#: does not change them. It is also the oldest shape of calls that had no other one: earlier versions get this one.
FIXED_SHAPE = Version.V2_3
#: The version whose shape ``customer.products.updated`` has.
WEBHOOK_SHAPE = Version.V1_2


_FILES = {each.name for each in iter_modules(__path__)}


def _declared(version: Version) -> VersionChanges:
    """What the file of a version declares; nothing for a version without a file."""
    name = version.name.lower()
    changes: VersionChanges = import_module(f"{__name__}.{name}").CHANGES if name in _FILES else VersionChanges()
    return changes


#: The changes of each version, oldest version first.
CHANGES = {version: _declared(version) for version in Version}
_ORDER = list(CHANGES)
_TRAITS: dict[Version, VersionTraits] = {}
_traits = VersionTraits()
for _version, _changes in CHANGES.items():
    _traits = _TRAITS[_version] = _changes.traits(_traits)


def traits_of(version: Version) -> VersionTraits:
    """The behaviour of a version."""
    return _TRAITS[version]


def _since(version: Version) -> list[VersionChanges]:
    """The changes that a version does not have, oldest first."""
    return [CHANGES[each] for each in _ORDER[_ORDER.index(version) + 1 :]]


# -- requests

_UPGRADES = {
    version: {
        endpoint: tuple(changes.requests[endpoint] for changes in newer if endpoint in changes.requests)
        for endpoint in {endpoint for changes in newer for endpoint in changes.requests}
    }
    for version in Version
    for newer in [_since(version)]
}


def upgraded(endpoint: str, body: Any, version: Version) -> Any:
    """The body of a request of a version, as the newest version spells it.

    Args:
        endpoint: the name of the endpoint, ``balances.track``.
        body: parsed JSON; of a list each item is upgraded. What is not an object is returned as it is.
        version: the version of the request.
    """
    if isinstance(body, list) and is_upgraded(endpoint, version):
        return [upgraded(endpoint, item, version) if isinstance(item, dict) else item for item in body]
    for upgrade in _UPGRADES[version].get(endpoint, ()):
        body = upgrade(body) if isinstance(body, dict) else body
    return body


def is_upgraded(endpoint: str, version: Version) -> bool:
    """Whether the requests of a version differ from those of the newest one."""
    return endpoint in _UPGRADES[version]


# -- answers

#: The versions whose answers have the newest shape throughout.
VERSIONS_OF_NEWEST_SHAPE = [
    version for version in Version if not any(changes.answers or changes.renamed for changes in _since(version))
]
_BEFORE_FIXED_SHAPE = _ORDER[: _ORDER.index(FIXED_SHAPE)]


def fixed_shape_for(version: Version) -> Version:
    """The version in whose shape a call without older shapes answers requests of ``version``."""
    return FIXED_SHAPE if version in _BEFORE_FIXED_SHAPE else version


def newest_keys(struct: str) -> dict[str, str]:
    """The JSON keys of the attributes of an answer struct that differ from the attribute's name."""
    keys: dict[str, str] = {}
    for changes in CHANGES.values():
        keys |= changes.renamed.get(struct, {})
    return keys


class _Downgrades(dict[type, tuple[Downgrade, ...]]):
    """How to turn the newest JSON object of each answer struct into that of a version, in the order to apply.

    Renamed keys are those of the struct and its base classes; other changes apply to the very struct.
    """

    def __init__(self, version: Version) -> None:
        self._newer = _ORDER[: _ORDER.index(version) : -1]

    def __missing__(self, struct: type) -> tuple[Downgrade, ...]:
        found: list[Downgrade] = []
        names = {base.__name__ for base in struct.__mro__}
        for version in self._newer:
            changes = CHANGES[version]
            keys = {
                key: _key_before(version, name, attribute)
                for name in names & changes.renamed.keys()
                for attribute, key in changes.renamed[name].items()
            }
            if keys:
                found.append(_renaming(keys))
            if struct.__name__ in changes.answers:
                found.append(changes.answers[struct.__name__])
        self[struct] = tuple(found)
        return self[struct]


DOWNGRADES = {version: _Downgrades(version) for version in Version}


def _key_before(version: Version, struct: str, attribute: str) -> str:
    key = attribute
    for older in _ORDER[: _ORDER.index(version)]:
        key = CHANGES[older].renamed.get(struct, {}).get(attribute, key)
    return key


def _renaming(keys: dict[str, str]) -> Downgrade:
    def rename(body: Json) -> Json:
        return {keys.get(key, key): value for key, value in body.items()}

    return rename
