"""Where a scenario is played: an organisation of its own on a running server."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from msgspec import Struct

from autumn_mock.control_client import CallRefused, ControlClient, ControlError
from autumn_mock.scenarios.worlds import DEFAULT_WORLD, WorldSource

#: The API version of the scenario's requests.
API_VERSION = "2.3.0"

#: A customer and a feature.
Place = tuple[str, str]


class BalanceReading(Struct, frozen=True):
    """What a customer has of a feature."""

    remaining: float
    granted: float


#: Characters that the name of an organisation may have.
_MOST_NAME = 200


class ScenarioTarget:
    """A new organisation on a server. Use it in a ``with`` block; leaving it deletes the organisation, unless ``keep``.

    ``title`` names the organisation on the page of the server.
    ``token``: the server's ``--control-token``; ``trusted``: see :class:`~autumn_mock.control_client.ControlClient`.
    Methods raise :class:`~autumn_mock.control_client.ControlError`.
    """

    def __init__(
        self,
        url: str,
        world: WorldSource = DEFAULT_WORLD,
        *,
        title: str = "",
        token: str | None = None,
        keep: bool = False,
        trusted: ssl.SSLContext | None = None,
    ) -> None:
        self._opened_with: dict[str, Any] = {"world": world}
        if name := "".join(filter(str.isprintable, title))[:_MOST_NAME]:
            self._opened_with["name"] = name
        self._keep = keep
        self.control = ControlClient(url, token=token, trusted=trusted)
        #: The id of the organisation, once it is open.
        self.org = ""
        #: Whether the organisation's clock is frozen.
        self.frozen = False
        #: Every balance that was ever read, with its last grant.
        self._granted: dict[Place, float] = {}

    def __enter__(self) -> ScenarioTarget:
        try:
            opened = self.control.post("/organisations", self._opened_with)
            self.org = opened["org"]
            self.control.use_key(opened["key"])
            self.control.http.headers["x-api-version"] = API_VERSION
            self.clear_faults()  # the world's own
        except CallRefused as error:
            self.control.http.close()
            raise ControlError(f"{self.control.url} refused an organisation for the scenario: {error}") from None
        except BaseException:
            self.control.http.close()
            raise
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        with self.control:
            if self._keep:
                return
            try:
                self.control.delete("/organisations")
            except ControlError:
                if kind is None:
                    raise

    # -- faults

    def arm(self, rule: str) -> str:
        """Arm a rule; returns it with its random seed."""
        return str(self.control.post("/faults", {"rule": rule})["rule"])

    def clear_faults(self) -> int:
        """Clear all rules; returns how many there were."""
        return int(self.control.delete("/faults")["cleared"])

    def faults(self) -> list[dict[str, Any]]:
        """The reports of the rules that are armed in the organisation."""
        return [each for each in self.control.rows("/faults") if each["org"] is not None]

    def server_faults(self) -> list[str]:
        """The rules that are armed on the whole server, and apply to the organisation too."""
        return [each["rule"] for each in self.control.rows("/faults") if each["org"] is None and not each["completed"]]

    # -- time

    def now(self) -> int:
        """The organisation's time (ms)."""
        return self._clock(self.control.get("/clock"))

    def freeze(self) -> int:
        """Freeze the clock; returns its time (ms)."""
        return self._clock(self.control.post("/clock", {"freeze": True}))

    def advance(self, by: int | str) -> int:
        """Move the clock by a number of ms, or by a length in words (``1month``); returns its time (ms)."""
        return self._clock(self.control.post("/clock", {"advance": by}))

    def wait(self, length: int) -> None:
        """Let a number of ms pass: a frozen clock is advanced, otherwise the call sleeps."""
        if self.frozen:
            self.advance(length)
        else:
            time.sleep(length / 1000)

    def _clock(self, answer: dict[str, Any]) -> int:
        self.frozen = bool(answer["frozen"])
        return int(answer["now"])

    # -- balances

    def balances(self, customers: Iterable[str]) -> dict[Place, BalanceReading]:
        """The balances of those of the customers that exist, read without faults.

        A balance that was read before and is missing now counts as used up: the service hides drained ones.
        """
        wanted = list(customers)
        found = {place: balance for customer in wanted for place, balance in self._of(customer).items()}
        hidden = {place: BalanceReading(0, granted) for place, granted in self._granted.items() if place[0] in wanted}
        self._granted.update((place, balance.granted) for place, balance in found.items())
        return {**hidden, **found}

    def _of(self, customer: str) -> dict[Place, BalanceReading]:
        try:
            answer = self.control.get(f"/balances/{quote(customer, safe='')}")
        except CallRefused:  # there is no such customer
            return {}
        return {
            (customer, feature): BalanceReading(each["remaining"], each["granted"])
            for feature, each in answer["balances"].items()
        }
