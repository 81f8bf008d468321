"""One request under way, and what answers it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from autumn_mock.domain.organisation import ApiKey
from autumn_mock.domain.version import Version
from autumn_mock.faults.armed import ArmedRule
from autumn_mock.operations.call import Call
from autumn_mock.wire.body import json_body
from autumn_mock.wire.old_plans import EXPANDED

if TYPE_CHECKING:
    from autumn_mock.engine import Engine
    from autumn_mock.web.endpoint import Endpoint


class Request(Struct):
    """A request that is past authentication and version."""

    engine: Engine
    call: Call
    key: ApiKey
    raw: bytes
    #: Query parameters as the real server reads them: lists and booleans.
    query: dict[str, Any]
    #: Values taken from the path.
    path: dict[str, str]
    #: Rules for this request alone.
    once: Sequence[ArmedRule] = ()
    #: None for a route that is not served.
    endpoint: Endpoint | None = None
    #: The body after validation.
    params: Any = None
    #: What to show in full: the body's ``expand`` wins over the query's.
    expand: Sequence[str] = ()
    #: For the journal.
    items: int | None = None
    refused: int | None = None
    _json: Any = field(default=None)
    _read: bool = False

    @property
    def json(self) -> Any:
        """The body as JSON; anything unreadable counts as ``{}``."""
        if not self._read:
            self._json = json_body(self.raw)
            self._read = True
        return self._json

    @property
    def fields(self) -> dict[str, Any]:
        """The body's fields, or none when it is not an object."""
        return self.json if isinstance(self.json, dict) else {}

    @property
    def expanded(self) -> list[str]:
        """What to show in full of a customer or an entity: the oldest versions' answers are made from the fullest."""
        return [*self.expand, *(EXPANDED if self.call.version < Version.V2_0 else ())]


class Answer(Struct, frozen=True):
    """A body in the newest shape, to be shown as ``kind`` in the version of the call."""

    body: dict[str, Any]
    status: int = 200
    kind: str = ""


Handler = Callable[[Request], Answer]

SUCCESS = Answer({"success": True})
