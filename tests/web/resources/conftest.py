"""An empty organisation of its own, and the calls that fill it."""

from __future__ import annotations

from typing import Any

import pytest

from autumn_mock.domain.version import Version
from autumn_mock.engine import Engine
from autumn_mock.operations.billing import settlement
from autumn_mock.operations.call import Call
from tests.web.conftest import Post

KEY = "am_sk_test_other"
DAY = 86_400_000
MONTH = {"interval": "month"}


@pytest.fixture
def ask(post: Post) -> Any:
    """Posts to an empty organisation; the body of the answer, which has to have a status."""

    def ask(path: str, body: Any, status: int = 200, version: str = "2.5.0") -> Any:
        reply = post(f"/v1/{path}", body, key=KEY, x_api_version=version)
        assert reply.status_code == status, reply.get_data(as_text=True)
        return reply.get_json()

    ask("features.create", {"feature_id": "messages", "name": "Messages", "type": "metered", "consumable": True})
    ask("features.create", {"feature_id": "seats", "name": "Seats", "type": "metered"})
    ask("features.create", {"feature_id": "sso", "name": "SSO", "type": "boolean"})
    ask("customers.get_or_create", {"customer_id": "c"})
    return ask


def grant(ask: Any, customer_id: str = "c", **fields: Any) -> None:
    ask("balances.create", {"customer_id": customer_id, "feature_id": "messages", "included_grant": 10, **fields})


def plan(ask: Any, plan_id: str = "free", **fields: Any) -> None:
    items = [{"feature_id": "messages", "included": 100, "reset": MONTH}, {"feature_id": "sso"}]
    ask("plans.create", {"plan_id": plan_id, "name": plan_id.title(), "items": items, **fields})


def attach(ask: Any, plan_id: str = "free", **fields: Any) -> None:
    ask("billing.attach", {"customer_id": "c", "plan_id": plan_id, "no_billing_changes": True, **fields})


BASE = "http://localhost"


@pytest.fixture
def pay(emulator: Engine, ask: Any) -> Any:
    """Pays on the page of a URL, as its customer."""
    plan(ask, "pro", price={"amount": 20, **MONTH})

    def pay(url: str) -> None:
        kind, _, name = url.removeprefix(f"{BASE}/").partition("/")
        for environment in emulator.state.environments():
            call = Call(environment, Version.NEWEST, environment.clock.now())
            if kind == "checkout" and environment.checkouts.get(name) is not None:
                settlement.complete(call, name, "pay")
            elif kind == "invoice" and any(each.stripe_id == name for each in environment.invoices):
                settlement.pay_invoice(call, name)

    return pay
