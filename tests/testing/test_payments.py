"""The payment pages of the fixture."""

from __future__ import annotations

import pytest

from autumn_mock.testing.mock import AutumnMock
from tests.testing.calls import CUSTOMER, FEATURE, ask, post

OTHER = "cus_alice"
PLAN = {
    "plan_id": "paid",
    "name": "Paid",
    "add_on": True,
    "price": {"amount": 20, "interval": "month"},
    "items": [
        {
            "feature_id": FEATURE,
            "price": {"amount": 10, "interval": "month", "billing_units": 100, "billing_method": "prepaid"},
        }
    ],
}


@pytest.fixture
def mock(autumn_mock: AutumnMock) -> AutumnMock:
    """An organisation with a plan to buy."""
    ask(autumn_mock, "plans.create", PLAN)
    return autumn_mock


def buy(mock: AutumnMock, customer: str = CUSTOMER) -> None:
    quantity = {"feature_id": FEATURE, "quantity": 100, "adjustable": True}
    ask(mock, "billing.attach", {"customer_id": customer, "plan_id": "paid", "feature_quantities": [quantity]})


def plans(mock: AutumnMock, customer: str = CUSTOMER) -> list[str]:
    shown = ask(mock, "customers.get", {"customer_id": customer})
    return [each["plan_id"] for each in shown["subscriptions"] if each["plan_id"] == "paid"]


def test_checkouts_are_paid_settled_and_listed(mock: AutumnMock) -> None:
    buy(mock)
    assert mock.checkouts.decline(CUSTOMER).status == "open"
    assert mock.checkouts.abandon().status == "open"
    paid = mock.checkouts.pay(CUSTOMER, settle="later")
    assert (paid.status, paid.is_settled, plans(mock)) == ("complete", False, [])
    assert post(mock, "billing.attach", {"customer_id": CUSTOMER, "plan_id": "paid"}).status == 423
    assert mock.checkouts.settle().is_settled
    assert plans(mock) == ["paid"]
    assert [each.id for each in mock.checkouts.list(CUSTOMER)] == [paid.id]
    assert [each.status for each in mock.checkouts.invoices()] == ["paid"]
    assert repr(mock.checkouts) == f"<checkouts: {paid.id} complete>"


def test_checkouts_take_quantities_and_3d_secure(mock: AutumnMock) -> None:
    before = mock.balance(CUSTOMER, FEATURE)
    buy(mock)
    mock.checkouts.pay(quantities={FEATURE: 500})
    assert mock.balance(CUSTOMER, FEATURE) == before + 500
    buy(mock, OTHER)
    assert mock.checkouts.authenticate(OTHER).is_settled


def test_checkouts_meet_faults_and_say_what_is_missing(mock: AutumnMock) -> None:
    with pytest.raises(AssertionError, match=f"no checkout of {CUSTOMER} that is open"):
        mock.checkouts.pay(CUSTOMER)
    with pytest.raises(AssertionError, match="cus_nobody"):
        mock.checkouts.list("cus_nobody")
    buy(mock)
    with pytest.raises(AssertionError, match="cannot be changed"):
        mock.checkouts.pay(quantities={"seats": 2})
    with mock.fault("payment:decline"), pytest.raises(AssertionError, match="Your card was declined"):
        mock.checkouts.pay()
    with mock.fault("payment:late 1h"):
        assert not mock.checkouts.pay().is_settled
    mock.clock.advance("1h")
    assert plans(mock) == ["paid"]
    with pytest.raises(AssertionError, match="to settle"):
        mock.checkouts.settle()


def test_invoices_are_paid(mock: AutumnMock) -> None:
    mock.set_payment_method(CUSTOMER, "declines")
    with pytest.raises(AssertionError, match="no open invoice"):
        mock.checkouts.pay_invoice(CUSTOMER)
    buy(mock)
    assert plans(mock) == []
    assert mock.checkouts.pay_invoice(CUSTOMER).status == "paid"
    assert plans(mock) == ["paid"]
