"""The structs that answers are made of: JSON bodies and their JSON Schema come from one declaration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Generic, TypeVar

from msgspec import UNSET, Meta, Struct, StructMeta, field

from autumn_mock.domain.organisation import Env
from autumn_mock.domain.version import Version
from autumn_mock.wire.versions import DOWNGRADES, FIXED_SHAPE, VERSIONS_OF_NEWEST_SHAPE, newest_keys
from autumn_mock.wire.versions.declaration import Downgrade, Json

Number = int | float
_SCALARS = frozenset((str, int, float, bool, type(None)))
R = TypeVar("R")


class _BodyMeta(StructMeta):
    """Gives the fields of a struct the JSON keys of the newest version."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **config: Any) -> _BodyMeta:
        return super().__new__(mcs, name, bases, namespace, rename=newest_keys(name), **config)


class Body(Struct, metaclass=_BodyMeta, forbid_unknown_fields=True, gc=False):
    """A JSON object of an answer, in the newest shape. Fields that are ``UNSET`` are left out."""

    #: Fields that no version shows: the downgrades of the oldest versions read them. Only in outermost structs.
    for_older_versions: ClassVar[tuple[str, ...]] = ()

    @property
    def next_page(self) -> str | None:
        """What asks for the page after this one: a cursor or an offset. None for the last page, and for no page."""
        return None


def in_version(body: Body, version: Version) -> Body | Json:
    """An answer in the shape of a version, to be encoded as JSON."""
    if version in VERSIONS_OF_NEWEST_SHAPE:
        for name in body.for_older_versions:
            setattr(body, name, UNSET)
        return body
    shaped: Json = downgraded(body, version)
    return {name: value for name, value in shaped.items() if name not in body.for_older_versions}


def downgraded(value: Any, version: Version) -> Any:
    """A struct, or a list or dict of structs, as JSON in the shape of a version."""
    return _downgraded(value, DOWNGRADES[version])


def _downgraded(value: Any, downgrades: Mapping[type, Sequence[Downgrade]]) -> Any:
    """The inner structs are downgraded first."""
    if isinstance(value, Body):
        json: Json = {}
        for name, key in zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True):
            each = getattr(value, name)
            if each is not UNSET:
                json[key] = each if each.__class__ in _SCALARS else _downgraded(each, downgrades)
        for downgrade in downgrades[value.__class__]:
            json = downgrade(json)
        return json
    if isinstance(value, dict):
        return {name: _downgraded(each, downgrades) for name, each in value.items()}
    if isinstance(value, list):
        return [_downgraded(each, downgrades) for each in value]
    return value


def in_fixed_shape(value: Any) -> Any:
    """What the control API, the command line and the pytest fixture show: no new version of the API changes it."""
    return downgraded(value, FIXED_SHAPE)


class Success(Body):
    """The call has been carried out."""

    success: Annotated[bool, Meta(extra_json_schema={"const": True})] = True


class Error(Body):
    """The call has been refused."""

    message: str
    code: str
    env: Env


class Listing(Body, Generic[R], kw_only=True):
    """A whole list."""

    rows: list[R] = field(name="list")


class CursorPage(Body, Generic[R], kw_only=True):
    """A page of a list, and the cursor of the next page."""

    rows: list[R] = field(name="list")
    next_cursor: str | None

    @property
    def next_page(self) -> str | None:
        return self.next_cursor


class FullCursorPage(Body, Generic[R], kw_only=True):
    """A page of a list that also says whether it is the last."""

    rows: list[R] = field(name="list")
    has_more: bool
    next_cursor: str | None

    @property
    def next_page(self) -> str | None:
        return self.next_cursor


class OffsetPage(Body, Generic[R], kw_only=True):
    """A page of a list of customers or entities, as versions without cursors have it."""

    rows: list[R] = field(name="list")
    total: int
    total_count: int
    total_filtered_count: int
    limit: Number
    offset: Number
    has_more: bool

    @property
    def next_page(self) -> str | None:
        following = int(self.offset) + len(self.rows)
        return str(following) if following < self.total_filtered_count else None
