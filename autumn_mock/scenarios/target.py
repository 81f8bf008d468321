"""Where a scenario is played: an organisation of its own on a running server, asked and moved over HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterable
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx
from msgspec import Struct

#: The version of the scenario's client.
API_VERSION = "2.3.0"
#: Seconds that an answer of the control API may take.
REQUEST_TIMEOUT_S = 10.0

#: A customer and a feature.
Place = tuple[str, str]


class TargetError(Exception):
    """A server that nothing can be played on: nobody answers, or not as an autumn-mock does."""


class Refused(TargetError):
    """What the control API does not do, in its words."""


class BalanceReading(Struct, frozen=True):
    """What a customer has of a feature."""

    remaining: float
    granted: float


class ScenarioTarget:
    """A fresh organisation on a server. Use it in a ``with`` block; leaving it removes the organisation.

    Methods raise :class:`TargetError` when the server is gone, and its kind :class:`Refused` when it says no.
    """

    def __init__(self, url: str, world: str = "default") -> None:
        self.url = url.rstrip("/")
        self._world = world
        # No proxy stands between a developer and a server beside them, whatever the environment says.
        self.http = httpx.Client(base_url=self.url, timeout=REQUEST_TIMEOUT_S, trust_env=False)
        self.key = ""
        #: Whether the organisation's clock stands still.
        self.frozen = False
        #: Every balance that there ever was, with what was granted last.
        self._granted: dict[Place, float] = {}

    def __enter__(self) -> ScenarioTarget:
        try:
            self.key = self._ask("POST", "/organisations", {"world": self._world})["key"]
            self.http.headers["Authorization"] = f"Bearer {self.key}"
            self.http.headers["x-api-version"] = API_VERSION
            self.clear_faults()  # those that its world brings
        except Refused as error:
            self.http.close()
            raise TargetError(f"{self.url} opens no organisation for the scenario: {error}") from None
        except BaseException:
            self.http.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._ask("DELETE", "/organisations")
        except TargetError:
            if kind is None:
                raise
        finally:
            self.http.close()

    def _ask(self, method: str, path: str, body: Any = None, parking: float = REQUEST_TIMEOUT_S) -> Any:
        asked = f"{method} /_mock{path}"
        try:
            reply = self.http.request(method, f"/_mock{path}", json=body, timeout=parking)
        except httpx.ConnectError:
            raise TargetError(f"no autumn-mock answers at {self.url}; start one with: autumn-mock serve") from None
        except httpx.RequestError as error:
            raise TargetError(f"{self.url} did not answer {asked}: {error or type(error).__name__}") from None
        content = _json(reply)
        if content is None or (reply.is_error and "message" not in content):
            raise TargetError(f"{self.url} answers {asked} with {reply.status_code}, and not as an autumn-mock does")
        if reply.is_error and "drained" not in content:
            raise Refused(str(content["message"]))
        return content

    # -- faults and workers

    def arm(self, rule: str) -> str:
        """Arm a rule; says how it reads with the seed that was drawn for it."""
        return str(self._ask("POST", "/faults", {"rule": rule})["rule"])

    def clear_faults(self) -> int:
        """Clear all rules; says how many there were."""
        return int(self._ask("DELETE", "/faults")["cleared"])

    def faults(self) -> list[dict[str, Any]]:
        """What every rule that is armed here did so far."""
        return [each for each in self._every_fault() if each["org"] is not None]

    def server_faults(self) -> list[str]:
        """The rules that are armed on the whole server, and strike here, too. Clearing them is not for a guest."""
        return [each["rule"] for each in self._every_fault() if each["org"] is None and not each["completed"]]

    def _every_fault(self) -> list[dict[str, Any]]:
        return _rows(self._ask("GET", "/faults"))

    def pause(self, paused: bool) -> dict[str, Any]:
        """Stop or start the workers; gives the books."""
        return dict(self._ask("POST", "/queue", {"paused": paused}))

    def drain(self, seconds: float) -> dict[str, Any]:
        """Wait until nothing is queued: ``drained``, the books, and a ``message`` when something still is."""
        return dict(self._ask("POST", "/drain", {"timeout": seconds}, seconds + REQUEST_TIMEOUT_S))

    # -- time

    def now(self) -> int:
        """The organisation's time (ms)."""
        return self._clock(self._ask("GET", "/clock"))

    def freeze(self) -> int:
        """Let the clock stand still; the time then (ms)."""
        return self._clock(self._ask("POST", "/clock", {"freeze": True}))

    def advance(self, by: int) -> int:
        """Move the clock by so many ms; the time then (ms)."""
        return self._clock(self._ask("POST", "/clock", {"advance": by}))

    def wait(self, length: int) -> None:
        """Let so many ms pass: on a clock that stands still by moving it, and else by waiting."""
        if self.frozen:
            self.advance(length)
        else:
            time.sleep(length / 1000)

    def _clock(self, told: dict[str, Any]) -> int:
        self.frozen = bool(told["frozen"])
        return int(told["now"])

    # -- looking

    def stats(self) -> dict[str, Any]:
        """The books: where all items went."""
        return dict(self._ask("GET", "/stats"))

    def findings(self) -> list[dict[str, Any]]:
        """What the scenario's client did against the contract."""
        return _rows(self._ask("GET", "/findings"))

    def lost(self) -> list[dict[str, Any]]:
        """The accepted items that a worker dropped."""
        return _rows(self._ask("GET", "/lost"))

    def failures(self) -> list[dict[str, Any]]:
        """The batches of which items could not be queued."""
        return _rows(self._ask("GET", "/failures"))

    def balances(self, customers: Iterable[str]) -> dict[Place, BalanceReading]:
        """What those of the customers have who exist. No fault strikes this look.

        A balance that was there before and is not any more counts as used up: the service hides what is drained.
        """
        wanted = list(customers)
        found = {place: balance for customer in wanted for place, balance in self._of(customer).items()}
        hidden = {place: BalanceReading(0, granted) for place, granted in self._granted.items() if place[0] in wanted}
        self._granted.update((place, balance.granted) for place, balance in found.items())
        return {**hidden, **found}

    def _of(self, customer: str) -> dict[Place, BalanceReading]:
        try:
            told = self._ask("GET", f"/balances/{quote(customer, safe='')}")
        except Refused:  # no such customer
            return {}
        return {
            (customer, feature): BalanceReading(each["remaining"], each["granted"])
            for feature, each in told["balances"].items()
        }


def _json(reply: httpx.Response) -> dict[str, Any] | None:
    """The body of a reply, if it is an object."""
    try:
        content = reply.json()
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def _rows(told: dict[str, Any]) -> list[dict[str, Any]]:
    return list(told["list"])
