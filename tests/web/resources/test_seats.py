"""Existing entities count as usage of the seats of a plan: every way to a plan, in every view."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from autumn_mock.engine import Engine
from tests.web.resources.conftest import DAY, KEY, MONTH, attach, plan

_PREPAID = {"amount": 1, "interval": "month", "billing_units": 1, "billing_method": "prepaid"}
_USED = {**_PREPAID, "billing_method": "usage_based"}
_GROUP = {"group": "g"}


def _seats(included: float, **more: Any) -> dict[str, Any]:
    return {"feature_id": "seats", "included": included, **more}


def _entities(ask: Any, *names: str) -> None:
    for name in names:
        ask("entities.create", {"customer_id": "c", "entity_id": name, "feature_id": "seats"})


def _price(amount: float) -> dict[str, Any]:
    return {"price": {"amount": amount, **MONTH}, **_GROUP}


def _attached(ask: Any, _: Engine) -> None:
    plan(ask, "p", items=[_seats(5)])
    attach(ask, "p")


def _attached_by_the_old_call(ask: Any, _: Engine) -> None:
    plan(ask, "p", items=[_seats(5)])
    ask("attach", {"customer_id": "c", "product_id": "p"}, version="1.2.0")


def _upgraded(ask: Any, _: Engine) -> None:
    plan(ask, "low", items=[_seats(2)], **_price(5))
    plan(ask, "high", items=[_seats(5)], **_price(9))
    attach(ask, "low")
    attach(ask, "high")


def _downgraded(ask: Any, emulator: Engine) -> None:
    plan(ask, "low", items=[_seats(5)], **_price(5))
    plan(ask, "high", items=[_seats(20)], **_price(9))
    attach(ask, "high")
    attach(ask, "low")
    emulator.clock.advance(32 * DAY)


def _cancelled(ask: Any, _: Engine) -> None:
    plan(ask, "free", items=[_seats(5)], auto_enable=True, **_GROUP)
    plan(ask, "high", items=[_seats(20)], **_price(9))
    attach(ask, "high")
    cancel = {"customer_id": "c", "plan_id": "high", "cancel_action": "cancel_immediately"}
    ask("billing.update", {**cancel, "no_billing_changes": True})


def _customized(ask: Any, _: Engine) -> None:
    plan(ask, "p", items=[_seats(9)])
    attach(ask, "p")
    ask("billing.update", {"customer_id": "c", "plan_id": "p", "customize": {"items": [_seats(5)]}})


def _versioned(ask: Any, _: Engine) -> None:
    plan(ask, "p", items=[_seats(9)])
    attach(ask, "p")
    ask("plans.update", {"plan_id": "p", "items": [_seats(5)]})
    ask("billing.update", {"customer_id": "c", "plan_id": "p", "version": 2})


def _prepaid(ask: Any, _: Engine) -> None:
    plan(ask, "p", items=[_seats(1, price=_PREPAID)])
    attach(ask, "p", feature_quantities=[{"feature_id": "seats", "quantity": 3}])
    change = {"customer_id": "c", "plan_id": "p", "feature_quantities": [{"feature_id": "seats", "quantity": 5}]}
    ask("billing.update", {**change, "no_billing_changes": True})


def _billed_by_use(ask: Any, _: Engine) -> None:
    plan(ask, "p", items=[_seats(5, price=_USED)])
    attach(ask, "p")


def _beside_shares(ask: Any, _: Engine) -> None:
    share = {"feature_id": "messages", "included": 10, "reset": MONTH, "entity_feature_id": "seats"}
    plan(ask, "p", items=[_seats(5), share])
    attach(ask, "p")


def _after_a_month(ask: Any, emulator: Engine) -> None:
    _beside_shares(ask, emulator)
    emulator.clock.advance(40 * DAY)


def _after_a_rollover(ask: Any, emulator: Engine) -> None:
    rollover = {"max": 100, "expiry_duration_type": "forever"}
    plan(ask, "p", items=[_seats(5), {"feature_id": "messages", "included": 9, "reset": MONTH, "rollover": rollover}])
    attach(ask, "p")
    emulator.clock.advance(40 * DAY)


_PATHS: list[Callable[[Any, Engine], None]] = [
    _attached,
    _attached_by_the_old_call,
    _upgraded,
    _downgraded,
    _cancelled,
    _customized,
    _versioned,
    _prepaid,
    _billed_by_use,
    _beside_shares,
    _after_a_month,
    _after_a_rollover,
]


@pytest.fixture
def views(ask: Any, client: FlaskClient) -> Callable[[], list[tuple[float, float]]]:
    """(remaining, usage) of seats in every view."""

    def old(version: str) -> Any:
        headers = {"Authorization": f"Bearer {KEY}", "x-api-version": version}
        return client.get("/v1/customers/c", headers=headers).get_json()

    def views() -> list[tuple[float, float]]:
        feature = old("1.2.0")["features"]["seats"]
        balance = old("2.0.0")["balances"]["seats"]
        (row,) = ask("balances.list", {"customer_id": "c", "feature_id": "seats"})["list"]
        return [
            *(
                (each["remaining"], each["usage"])
                for each in (
                    ask("customers.get", {"customer_id": "c"})["balances"]["seats"],
                    ask("entities.get", {"customer_id": "c", "entity_id": "e1"})["balances"]["seats"],
                    ask("balances.check", {"customer_id": "c", "feature_id": "seats"})["balance"],
                    row,
                )
            ),
            (balance["current_balance"], balance["usage"]),
            (feature["balance"], feature["usage"]),
        ]

    return views


@pytest.mark.parametrize("path", _PATHS)
def test_entities_count_on_every_path_in_every_view(
    ask: Any, emulator: Engine, views: Any, path: Callable[[Any, Engine], None]
) -> None:
    _entities(ask, "e1", "e2")
    path(ask, emulator)
    assert set(views()) == {(3, 2)}
    _entities(ask, "e3")
    assert set(views()) == {(2, 3)}
    for name in ("e2", "e3"):
        ask("entities.delete", {"customer_id": "c", "entity_id": name})
    assert set(views()) == {(4, 1)}


def test_entities_count_when_a_new_customer_gets_a_default_plan(ask: Any, views: Any) -> None:
    plan(ask, "free", items=[_seats(5)], auto_enable=True)
    ask("customers.delete", {"customer_id": "c"})
    ask("customers.get_or_create", {"customer_id": "c", "entity_id": "e1", "entity_data": {"feature_id": "seats"}})
    _entities(ask, "e2")
    assert set(views()) == {(3, 2)}


def test_seats_beyond_the_grant_are_overdraft_and_are_freed_first(ask: Any) -> None:
    _entities(ask, *(f"e{number}" for number in range(1, 8)))
    plan(ask, "p", items=[_seats(5)])
    attach(ask, "p")
    shown = ask("customers.get", {"customer_id": "c"})["balances"]["seats"]
    assert (shown["granted"], shown["remaining"], shown["usage"]) == (5, 0, 7)
    for name in ("e7", "e6", "e5"):
        ask("entities.delete", {"customer_id": "c", "entity_id": name})
    assert ask("customers.get", {"customer_id": "c"})["balances"]["seats"]["remaining"] == 1
