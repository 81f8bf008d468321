"""A world read from a server through its public calls: features, plans, customers and balances."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import islice

from autumn_mock.data.accounts import SandboxCustomer, customer_entry
from autumn_mock.data.catalogue import feature_entry, plan_entries
from autumn_mock.data.public_client import Json, PublicCallError, PublicClient

#: Called with the number of steps that are done, and how many there are: three for each customer, or one.
Progress = Callable[[int, int], None]
_EXPAND = ["subscriptions.plan", "purchases.plan", "payment_method"]


def read_sandbox(
    client: PublicClient, progress: Progress, *, now: int, is_live: bool = False, most: int | None = None
) -> Json:
    """The data of a world with one organisation, whose key is made from its name: the key of the client is not in it.

    ``now`` (ms): the time of the server. ``most``: the largest number of customers that are read, the newest first.

    Raises :class:`~autumn_mock.data.public_client.PublicCallError`.
    """
    name, slug = _identity(client)
    features = [feature_entry(each) for each in client.post("/features.list")["list"]]
    plans = client.post("/plans.list", include_archived=True)["list"]
    customers = _customers(client, plans, progress, most, now)
    environment = {"features": features, "plans": plan_entries(plans), "customers": customers}
    key = f"am_sk_{'live' if is_live else 'test'}_{re.sub('[^A-Za-z0-9]', '_', slug)}_copy"
    found = {name: entries for name, entries in environment.items() if entries}
    return {"organisations": [{"slug": slug, "name": name, "keys": [key], "live" if is_live else "sandbox": found}]}


def _identity(client: PublicClient) -> tuple[str, str]:
    """The name and the slug of the organisation; a key may have no scope for it."""
    try:
        shown = client.get("/organization/me")
    except PublicCallError as error:
        if error.status not in (403, 404):
            raise
        shown = {"name": "Copy", "slug": "copy"}
    return str(shown["name"]), re.sub("[^A-Za-z0-9_-]", "-", str(shown["slug"]))


def _customers(client: PublicClient, plans: list[Json], progress: Progress, most: int | None, now: int) -> list[Json]:
    listed = list(islice(client.rows("/customers.list"), most))
    listed.reverse()  # they are listed newest first
    count = len(listed)
    rows_of, entities_of = _Rows(client, "/balances.list"), _Rows(client, "/entities.list")
    lists = (rows_of, entities_of) if most is None else ()
    total = count * (len(lists) + 1)
    for number, rows in enumerate(lists):
        for seen in rows.read():
            progress(number * count + min(seen, count), total)
    catalogue = {plan["id"]: plan for plan in plans}
    has_defaults = any(plan["auto_enable"] for plan in plans)
    entries = []
    for body in listed:
        account = SandboxCustomer(body, [], [])
        name = body["id"]
        if name is not None:  # without one, nothing can be asked about a customer, and nothing was given to it
            shown = client.post("/customers.get", customer_id=name, expand=_EXPAND)
            account = SandboxCustomer(shown, entities_of(name), rows_of(name))
        entries.append(customer_entry(account, catalogue, has_defaults=has_defaults, now=now))
        progress(len(lists) * count + len(entries), total)
    return entries


class _Rows:
    """The rows of a list by customer, oldest first: asked for one by one unless :meth:`read` has read them all."""

    def __init__(self, client: PublicClient, path: str) -> None:
        self._client = client
        self._path = path
        self._found: dict[str, list[Json]] | None = None

    def read(self) -> Iterator[int]:
        """Read the rows of all customers, in few calls; yields how many customers were seen."""
        found = self._found = defaultdict(list)
        for row in self._client.rows(self._path):
            found[row["customer_id"]].append(row)
            yield len(found)

    def __call__(self, customer_id: str) -> list[Json]:
        found = self._found
        if found is None:
            rows = list(self._client.rows(self._path, customer_id=customer_id))
        else:
            rows = found.get(customer_id, [])
        return rows[::-1]
