"""A shop whose customers pay on pages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autumn_mock import create_app
from autumn_mock.engine import Engine
from tests.support.client import AppClient

KEY = "am_sk_test_shop"
_MONTH = {"interval": "month"}
WORLD: dict[str, Any] = {
    "organisations": [
        {
            "slug": "shop",
            "name": "Acme <Maps>",
            "keys": [KEY],
            "sandbox": {
                "features": [{"feature_id": "messages", "name": "Messages", "type": "metered", "consumable": True}],
                "plans": [
                    {"plan_id": "pro", "name": "Pro", "price": {"amount": 20, **_MONTH}},
                    {
                        "plan_id": "packs",
                        "name": "Packs",
                        "price": {"amount": 20, **_MONTH},
                        "items": [
                            {
                                "feature_id": "messages",
                                "price": {"amount": 10, "billing_units": 100, "billing_method": "prepaid", **_MONTH},
                            }
                        ],
                    },
                ],
                "customers": [
                    {"customer_id": "ada", "name": "Ada Example"},
                    {"customer_id": "bob", "name": "Bob", "payment_method": "declines"},
                    {"customer_id": "eve", "name": "Eve", "payment_method": "ok"},
                ],
            },
        }
    ]
}


@pytest.fixture
def world(tmp_path: Path) -> Path:
    path = tmp_path / "world.json"
    path.write_text(json.dumps(WORLD), "utf-8")
    return path


@pytest.fixture
def engine(world: Path) -> Iterator[Engine]:
    with Engine(world=str(world)) as engine:
        yield engine


class Shop(AppClient):
    """Calls of the shop, and its customers' browsers."""

    def buy(self, customer: str = "ada", plan: str = "pro", **more: Any) -> str:
        """Where the customer pays, as a path."""
        url = self.ask("/v1/billing.attach", {"customer_id": customer, "plan_id": plan, **more})["payment_url"]
        return "/" + str(url).split("/", 3)[3]

    def packs(self, **more: Any) -> str:
        quantity = {"feature_id": "messages", "quantity": 300, "adjustable": True}
        return self.buy("ada", "packs", feature_quantities=[quantity], **more)

    def plans(self, customer: str = "ada") -> list[str]:
        """The plans that a customer is on."""
        shown = self.ask("/v1/customers.get", {"customer_id": customer})
        return [each["plan_id"] for each in shown["subscriptions"]]


@pytest.fixture
def shop(engine: Engine) -> Shop:
    return Shop(create_app(engine), KEY)
