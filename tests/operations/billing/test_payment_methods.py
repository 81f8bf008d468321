"""The payment method of a customer."""

from __future__ import annotations

from typing import get_args

import pytest
from msgspec.structs import replace

from autumn_mock.domain.controls import TopupHistory
from autumn_mock.operations.billing.payment_methods import PaymentMethod, payment_method, set_payment_method
from autumn_mock.operations.errors import ApiError
from autumn_mock.operations.subjects import get_customer
from tests.support.world import NOW, World


@pytest.mark.parametrize("method", get_args(PaymentMethod))
def test_set_payment_method_replaces_the_card(world: World, method: PaymentMethod) -> None:
    world.customer()
    set_payment_method(world.call(), "c", "ok")
    first = get_customer(world.environment, "c").card
    assert first is not None
    set_payment_method(world.call(), "c", method)
    changed = get_customer(world.environment, "c")
    assert payment_method(changed) == method
    assert changed.card != first
    if changed.card is not None:
        assert (changed.card.created_at, changed.card.fingerprint == first.fingerprint) == (NOW, method == "ok")


@pytest.mark.parametrize(("method", "left"), [("ok", 0), ("declines", 3), ("none", 3)])
def test_set_payment_method_ends_the_suspension_of_topups_for_another_card(
    world: World, method: PaymentMethod, left: int
) -> None:
    world.customer()
    customer = set_payment_method(world.call(), "c", "declines")
    with world.call().write() as transaction:
        transaction.put(replace(customer, topups={"messages": TopupHistory(failed_in_a_row=3)}))
    assert set_payment_method(world.call(), "c", method).topups["messages"].failed_in_a_row == left


def test_set_payment_method_needs_the_customer(world: World) -> None:
    with pytest.raises(ApiError) as caught:
        set_payment_method(world.call(), "nobody", "ok")
    assert caught.value.code == "customer_not_found"
