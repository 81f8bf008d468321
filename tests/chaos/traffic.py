"""Clients that send numbered items until their server dies, and record the replies."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.numbered import Item, Notebook, Verdict
from tests.support.client import BATCH, CHECK, TRACK, UPDATE, Client, NoReply

CUSTOMERS = tuple(f"chaos_{number}" for number in range(6))
#: Never used; its balance is only edited.
EDITED = "chaos_edited"
GRANT = 1_000_000_000
#: Sizes of batches; small ones are as common as in life.
_SIZES = (1, 1, 2, 3, 5, 10, 30, 100, 300, 1000)
_VALUES = (1, 1, 1, 2, 3, 0.5, 0.25)
_CHARGED, _REFUSED = (200, 202), (400, 404, 409, 503)


@dataclass(frozen=True)
class Keyed:
    """A request with idempotency keys, which may be sent again as it is."""

    items: tuple[Item, ...]
    path: str
    body: Any
    headers: dict[str, str] = field(default_factory=dict)
    kind: str = "keyed"


class Edits:
    """Additions to one balance. At most one of them is open at a time, so the balance shows exactly which were made."""

    def __init__(self) -> None:
        self.made = 0
        self._balance: float = GRANT
        self._open: float = 0

    def settle(self, client: Client) -> None:
        """See what became of the addition that was not answered; everything before it has to be there, once."""
        found = client.remaining(EDITED)
        wanted = (self._balance, self._balance + self._open)
        assert found in wanted, f"the edited balance is {found}, and should be one of {wanted}"
        self._balance, self._open = found, 0

    def add(self, client: Client, value: float) -> None:
        """Add to the balance."""
        self._open = value
        client.ask(UPDATE, {"customer_id": EDITED, "feature_id": "messages", "add_to_balance": value})
        self._balance, self._open = self._balance + value, 0
        self.made += 1


class Memory:
    """What clients know from one life of their server to the next."""

    def __init__(self) -> None:
        self.notebook = Notebook()
        self.edits = Edits()
        #: Keyed requests that were not answered.
        self.unanswered: deque[Keyed] = deque()
        #: Keyed requests that were carried out, the last few.
        self.answered: deque[Keyed] = deque(maxlen=20)


class Sender(threading.Thread):
    """One client, for one life of a server, until it gets no reply or has to stop.

    The ``first`` of several also edits a balance, and sends again what was not answered in the life before.
    """

    def __init__(self, memory: Memory, url: str, rng: random.Random, budget: int, *, first: bool) -> None:
        super().__init__(daemon=True)
        self._memory = memory
        self._notebook = memory.notebook
        self._client = Client(url, timeout=60)
        self._rng = rng
        self._budget = budget
        self._is_first = first
        self._stopping = threading.Event()
        self.error: BaseException | None = None

    def finish(self) -> None:
        """Stop; raises what failed."""
        self._stopping.set()
        self.join(90)
        assert not self.is_alive(), "a client hangs"
        if self.error is not None:
            raise self.error

    def run(self) -> None:
        try:
            if self._is_first:
                self._take_up()
            while not self._stopping.is_set():
                self._send_something()
                self._stopping.wait(self._rng.choice((0, 0, 0.002, 0.02)))
        except NoReply:
            pass
        except BaseException as error:
            self.error = error
        finally:
            self._client.close()

    def _take_up(self) -> None:
        memory = self._memory
        memory.edits.settle(self._client)
        for keyed in list(memory.answered)[-2:]:
            status = self._client.post(keyed.path, keyed.body, **keyed.headers).status
            if status != 409:
                self._notebook.complain(f"a key that was used before the crash could be used again: {status} {keyed}")
        while memory.unanswered:
            keyed = memory.unanswered[0]
            self._send_keyed(keyed, again=True)
            memory.unanswered.popleft()

    def _send_something(self) -> None:
        kinds: list[tuple[int, Callable[[], None]]] = [
            (40 if self._budget > 0 else 0, self._batch),
            (20, self._track),
            (15, self._check),
            (8, self._keyed_track),
            (4 if self._budget > 0 else 0, self._keyed_batch),
            (4, self._refused_batch),
            (3, self._unavailable),
            (6 if self._is_first else 0, self._edit),
        ]
        [chosen] = self._rng.choices([act for _, act in kinds], [weight for weight, _ in kinds])
        chosen()

    # -- what may be sent

    def _items(self, count: int) -> tuple[Item, ...]:
        self._budget -= count
        choice = self._rng.choice
        return tuple(self._notebook.item(choice(CUSTOMERS), choice(_VALUES)) for _ in range(count))

    def _batch(self) -> None:
        items = self._items(self._rng.choice(_SIZES))
        self._send(items, BATCH, [_use(item, event=self._rng.random() < 0.3) for item in items], {}, "batch")

    def _track(self) -> None:
        [item] = items = self._items(1)
        self._send(items, TRACK, _use(item), {}, "track")

    def _check(self) -> None:
        [item] = items = self._items(1)
        body = {key: value for key, value in _use(item).items() if key not in ("value", "timestamp")}
        self._send(items, CHECK, {**body, "required_balance": item.value, "send_event": True}, {}, "check")

    def _refused_batch(self) -> None:
        """Good items beside a bad one: none of them counts."""
        items = self._items(self._rng.choice((1, 5, 50)))
        bad = self._rng.choice(({"customer_id": 5}, {"feature_id": "nothing", "customer_id": CUSTOMERS[0]}))
        self._send(items, BATCH, [*map(_use, items), bad], {}, "refused batch", Verdict.REFUSED)

    def _unavailable(self) -> None:
        items = self._items(self._rng.choice((1, 5, 50)))
        down = {"x_autumn_mock_fault": "queue:down"}
        self._send(items, BATCH, [*map(_use, items)], down, "unavailable batch", Verdict.REFUSED)

    def _edit(self) -> None:
        self._memory.edits.add(self._client, self._rng.choice((1, 10, 100)))

    def _keyed_track(self) -> None:
        [item] = items = self._items(1)
        key = f"key-{item.number}"
        if self._rng.random() < 0.5:
            keyed = Keyed(items, TRACK, {**_use(item), "idempotency_key": key})
        else:
            keyed = Keyed(items, TRACK, _use(item), {"idempotency_key": key})
        self._send_keyed(keyed)

    def _keyed_batch(self) -> None:
        """Each item has a key, so the batch may be sent twice and each of them is deducted once."""
        items = self._items(self._rng.choice((1, 5, 50)))
        body = [{**_use(item), "idempotency_key": f"key-{item.number}"} for item in items]
        self._send_keyed(Keyed(items, BATCH, body, {}, "keyed batch"))

    # -- sending

    def _send(
        self,
        items: tuple[Item, ...],
        path: str,
        body: Any,
        headers: dict[str, str],
        kind: str,
        unanswered: Verdict = Verdict.OPEN,
    ) -> None:
        try:
            status, _, answer = self._client.post(path, body, **headers)
        except NoReply:
            self._notebook.note(items, unanswered, kind)
            raise
        if path == CHECK and status == 200 and not answer["allowed"]:
            status = 400
        verdict = Verdict.CHARGED if status in _CHARGED else Verdict.REFUSED
        if status not in (*_CHARGED, *_REFUSED):
            self._notebook.complain(f"{kind} was answered {status} {answer}")
        self._notebook.note(items, verdict, kind)

    def _send_keyed(self, keyed: Keyed, *, again: bool = False) -> None:
        kind = f"{keyed.kind} again" if again else keyed.kind
        try:
            status, _, answer = self._client.post(keyed.path, keyed.body, **keyed.headers)
        except NoReply:
            self._notebook.note(keyed.items, Verdict.OPEN, kind)
            if not again:
                self._memory.unanswered.append(keyed)
            raise
        if status in _CHARGED:
            self._notebook.note(keyed.items, Verdict.CHARGED, kind)
            if keyed.path == TRACK:
                self._memory.answered.append(keyed)
        elif again and status == 409:
            self._notebook.note(keyed.items, Verdict.CHARGED, kind)  # the key is committed with its work
        else:
            self._notebook.complain(f"{kind} was answered {status} {answer}")
            self._notebook.note(keyed.items, Verdict.REFUSED, kind)


def _use(item: Item, *, event: bool = False) -> dict[str, Any]:
    named = {"event_name": "message.sent"} if event else {"feature_id": "messages"}
    return {
        "customer_id": item.customer,
        **named,
        "value": item.value,
        "timestamp": int(time.time() * 1000),
        "properties": {"n": item.number},
    }
