"""Findings around purchases: by the calls of a shop, and what honest shops do instead."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from autumn_mock import create_app
from autumn_mock.engine import Engine
from tests.support.client import BATCH, CHECK, TRACK
from tests.support.shop import ATTACH, BUYER, Shop
from tests.webhooks.conftest import receiver
from tests.webhooks.receiver import Receiver

__all__ = ["receiver"]

_NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def opened() -> Iterator[Callable[[bool], Shop]]:
    with Engine(rate_limit="off", world="empty") as engine:
        app = create_app(engine)
        yield lambda frozen: Shop(engine, app, f"am_sk_test_shop_{next(_NUMBERS)}", frozen=frozen)


@pytest.fixture(params=[False, True], ids=["running", "frozen"])
def shop(request: pytest.FixtureRequest, opened: Callable[[bool], Shop]) -> Shop:
    """A shop whose clock runs, or stands still: then all requests have the same time."""
    return opened(request.param)


def found(shop: Shop) -> list[tuple[str, dict[str, float], bool]]:
    return [(each.code, each.amounts, each.certain) for each in shop.findings()]


# -- used before it was paid

USED: list[tuple[str, dict[str, float], bool]] = [("used_before_paid", {"maps": 2.0}, False)]


def unopened(shop: Shop, url: str) -> None:
    """The browser never goes there."""


def left(shop: Shop, url: str) -> None:
    shop.visit(url)
    shop.act(url, "abandon")


def declined(shop: Shop, url: str) -> None:
    shop.visit(url)
    shop.act(url, "decline")


def returned(shop: Shop, url: str) -> None:
    shop.pay(url, later=True)


STAGES: dict[Callable[[Shop, str], None], str] = {
    unopened: "its page was not opened",
    left: "the customer left its page",
    declined: "the payment was declined",
    returned: "did not know of the payment yet",
}


@pytest.mark.parametrize(("stage", "words"), STAGES.items(), ids=[each.__name__ for each in STAGES])
@pytest.mark.parametrize("is_denied", [True, False])
def test_usage_of_what_was_not_paid(
    shop: Shop, stage: Callable[[Shop, str], None], words: str, is_denied: bool
) -> None:
    if is_denied:
        assert not shop.is_allowed()
    url = shop.checkout("pro")
    stage(shop, url)
    shop.use(amount=2)
    assert found(shop) == USED
    [one] = shop.findings()
    assert words in one.message
    assert len(one.requests) == 2 + is_denied


@pytest.mark.parametrize("stage", [unopened, returned])
def test_queued_usage_of_what_was_not_paid(shop: Shop, stage: Callable[[Shop, str], None]) -> None:
    url = shop.checkout("pro")
    stage(shop, url)
    shop.ask(BATCH, [{"customer_id": BUYER, "feature_id": "maps", "value": 1}] * 2)
    assert found(shop) == USED
    shop.pay(url) if stage is unopened else shop.act(url, "settle")
    assert found(shop) == USED  # it was used before


def test_usage_of_one_checkout_is_one_finding(shop: Shop) -> None:
    for _ in range(2):
        shop.checkout("pro")
        shop.use()
    assert found(shop) == USED


def test_usage_by_an_event_name_of_what_is_paid_with_credits(shop: Shop) -> None:
    shop.checkout("premium")
    shop.ask(TRACK, {"customer_id": BUYER, "event_name": "map.made", "value": 2})
    assert found(shop) == [("used_before_paid", {"map.made": 2.0}, False)]


def test_usage_beyond_the_free_plan_after_a_check_denied_it(shop: Shop) -> None:
    shop.use("prints", 3)
    assert not shop.is_allowed("prints")
    shop.checkout("pro")
    shop.use("prints")
    assert found(shop) == [("used_before_paid", {"prints": 1.0}, False)]


def test_usage_after_a_declined_card(shop: Shop) -> None:
    shop.set_card("declines")
    answer = shop.attach("pro")
    assert answer["required_action"]["code"] == "payment_failed"
    shop.use(amount=2)
    assert found(shop) == USED
    assert "payment_failed" in shop.findings()[0].message


def test_usage_by_the_route_of_an_older_client(shop: Shop) -> None:
    body = {"customer_id": BUYER, "product_id": "pro"}
    assert shop.ask("/v1/attach", body, version="1.2")["checkout_url"]
    shop.use(amount=2)
    assert found(shop) == USED


@pytest.mark.parametrize("later", [True, False])
def test_a_shop_that_checks_after_the_return_is_right(shop: Shop, later: bool) -> None:
    assert not shop.is_allowed()
    url = shop.checkout("pro")
    shop.pay(url, later=later)
    if later:
        assert not shop.is_allowed()
        shop.act(url, "settle")
    assert shop.is_allowed()
    shop.use(amount=2)
    assert found(shop) == []


def test_a_shop_that_reads_the_customer_until_the_plan_is_there_is_right(shop: Shop) -> None:
    url = shop.checkout("pro")
    shop.pay(url, later=True)
    shop.read()
    shop.act(url, "settle")
    assert "maps" in shop.read()["balances"]
    shop.use()
    assert found(shop) == []


def test_what_another_plan_grants_too_is_not_found(shop: Shop) -> None:
    shop.checkout("pro")
    shop.use("prints", 2)
    shop.use("prints", 2)
    shop.use("prints", 2)  # beyond what is left; no check said so
    assert found(shop) == []


def test_what_a_loose_balance_grants_too_is_not_found(shop: Shop) -> None:
    shop.ask("/v1/balances.create", {"customer_id": BUYER, "feature_id": "maps", "included_grant": 1})
    shop.checkout("pro")
    for _ in range(3):
        shop.use()
    assert found(shop) == []


def test_a_shop_that_records_all_usage_is_right(shop: Shop) -> None:
    shop.use()
    shop.checkout("pro")
    shop.use()
    assert found(shop) == []


def test_usage_from_before_the_purchase_that_is_reported_later_is_not_found(shop: Shop) -> None:
    shop.checkout("pro")
    shop.use(timestamp=shop.environment.clock.now() - 60_000)
    assert found(shop) == []


def test_a_plan_that_is_active_before_it_is_paid_may_be_used(shop: Shop) -> None:
    assert shop.checkout("pro", enable_plan_immediately=True)
    shop.use(amount=100)
    assert not shop.is_allowed()
    shop.use()
    assert found(shop) == []


def test_a_shop_that_goes_on_after_a_check_failed_is_not_blamed(shop: Shop) -> None:
    assert not shop.is_allowed()
    shop.checkout("pro")
    body = {"customer_id": BUYER, "feature_id": "maps"}
    shop.post(CHECK, body, x_autumn_mock_fault="reply:status 503 times=1")
    shop.use()
    assert found(shop) == []


def test_usage_after_the_plan_has_ended_is_not_used_before_it_was_paid(shop: Shop) -> None:
    shop.pay(shop.checkout("pro"))
    shop.ask("/v1/billing.update", {"customer_id": BUYER, "plan_id": "pro", "cancel_action": "cancel_immediately"})
    assert not shop.is_allowed()
    shop.use()
    assert found(shop) == []


@pytest.mark.parametrize("later", [True, False])
def test_usage_beyond_what_was_paid_is_not_used_before_it_was_paid(shop: Shop, later: bool) -> None:
    url = shop.checkout("pack")
    shop.pay(url, later=later)
    if later:
        shop.act(url, "settle")
    shop.use(amount=10)
    assert not shop.is_allowed()
    shop.use()
    assert found(shop) == []


def test_usage_of_an_entity_that_another_one_buys_for_is_not_found(shop: Shop) -> None:
    for entity in ("user_1", "user_2"):
        shop.ask("/v1/entities.create", {"customer_id": BUYER, "entity_id": entity, "feature_id": "users"})
    shop.checkout("pro", entity_id="user_1")
    shop.use(entity_id="user_2")
    assert found(shop) == []
    shop.use(amount=2, entity_id="user_1")
    assert found(shop) == USED


def test_the_checkout_that_was_paid_counts_and_not_an_earlier_one(shop: Shop) -> None:
    shop.checkout("premium")
    shop.pay(shop.checkout("pro"))
    assert shop.is_allowed()
    shop.use(amount=2)
    assert found(shop) == []


def test_usage_of_another_customer_is_not_found(shop: Shop) -> None:
    shop.checkout("pro")
    shop.ask("/v1/customers.get_or_create", {"customer_id": "cus_2"})
    shop.use(customer_id="cus_2")
    assert found(shop) == []


# -- a payment URL asked for again

AGAIN: list[tuple[str, dict[str, float], bool]] = [("payment_url_asked_for_again", {}, False)]


def test_a_payment_url_is_asked_for_again_and_again(shop: Shop) -> None:
    shop.checkout("pro")
    shop.checkout("pro")
    assert found(shop) == []
    url = shop.checkout("pro")
    assert found(shop) == AGAIN
    assert "the same payment URL" in shop.findings()[0].message
    shop.pay(url)
    assert found(shop) == AGAIN


def test_payment_urls_that_differ_in_their_return_are_asked_for_again(shop: Shop) -> None:
    for number in range(3):
        shop.checkout("pro", success_url=f"http://shop.example/{number}", metadata={"try": str(number)})
    assert found(shop) == AGAIN
    assert "another payment URL" in shop.findings()[0].message


def test_a_declined_card_is_charged_again_and_again(shop: Shop) -> None:
    shop.set_card("declines")
    for _ in range(3):
        shop.checkout("pro")
    assert found(shop) == AGAIN
    assert "payment_failed" in shop.findings()[0].message


@pytest.mark.parametrize("between", ["page", "portal", "confirmation"])
def test_a_customer_who_comes_and_goes_is_not_found(shop: Shop, between: str) -> None:
    more: dict[str, Any] = {"redirect_mode": "always"} if between == "confirmation" else {}
    if between == "confirmation":
        shop.set_card("ok")
        shop.attach("pro")
    for _ in range(4):
        url = shop.checkout("premium", **more)
        if between == "portal":
            shop.ask("/v1/billing.open_customer_portal", {"customer_id": BUYER})
        elif between == "page":
            shop.visit(url)
        else:
            assert shop.request("GET", f"/checkouts/{url.rpartition('/')[2]}").status == 200
    assert found(shop) == []


def test_different_purchases_are_not_found(shop: Shop) -> None:
    for plan in ("pro", "premium", "pack", "pro"):
        shop.checkout(plan)
    assert found(shop) == []


# -- bought twice


def with_card(shop: Shop) -> Shop:
    shop.set_card("ok")
    return shop


def test_a_pack_is_bought_again_after_a_lost_reply(shop: Shop) -> None:
    with_card(shop).attach("pack", lost=True)
    shop.attach("pack", lost=True)
    shop.attach("pack")
    assert found(shop) == [("bought_again_after_lost_reply", {"usd": 10.0}, False)]
    assert len(shop.findings()[0].requests) == 3


def test_a_list_of_plans_for_everyone_does_not_show_what_a_customer_has(shop: Shop) -> None:
    with_card(shop).attach("pack", lost=True)
    shop.ask("/v1/plans.list", {})
    shop.attach("pack")
    assert found(shop) == [("bought_again_after_lost_reply", {"usd": 5.0}, False)]


@pytest.mark.parametrize(
    "path", ["customers.get", "customers.list", "invoices.list", "customers.get_or_create", "plans.list"]
)
def test_a_shop_that_reads_before_it_buys_again_is_right(shop: Shop, path: str) -> None:
    with_card(shop).attach("pack", lost=True)
    shop.ask(f"/v1/{path}", {} if path == "customers.list" else {"customer_id": BUYER})
    shop.attach("pack")
    assert found(shop) == []


def test_a_purchase_with_one_idempotency_key_is_right(shop: Shop) -> None:
    body = {"customer_id": BUYER, "plan_id": "pack"}
    fault = "reply:status 502 after=enqueue times=1"
    assert with_card(shop).post(ATTACH, body, idempotency_key="k", x_autumn_mock_fault=fault).status == 502
    assert shop.post(ATTACH, body, idempotency_key="k").status == 409
    assert found(shop) == []


def test_buying_twice_is_not_found(shop: Shop) -> None:
    with_card(shop).attach("pack")
    shop.attach("pack")
    assert found(shop) == []


def test_a_purchase_that_had_not_reached_the_service_may_be_sent_again(shop: Shop) -> None:
    body = {"customer_id": BUYER, "plan_id": "pack"}
    with_card(shop).post(ATTACH, body, x_autumn_mock_fault="reply:status 502 times=1")
    shop.attach("pack")
    assert found(shop) == []


def test_a_plan_that_is_attached_once_is_not_charged_twice(shop: Shop) -> None:
    with_card(shop).attach("pro", lost=True)
    assert shop.post(ATTACH, {"customer_id": BUYER, "plan_id": "pro"}).status == 409
    assert found(shop) == []


def test_a_webhook_that_was_accepted_names_the_purchase(receiver: Receiver) -> None:
    with Engine(rate_limit="off", world="empty", webhook_url=receiver.url) as engine:
        shop = with_card(Shop(engine, create_app(engine), "am_sk_test_shop_hook"))
        shop.attach("pack", lost=True)
        assert engine.drain(10, webhooks=True)
        shop.attach("pack")
        assert found(shop) == []


# -- 423


def test_purchases_are_sent_on_while_one_is_processed(shop: Shop) -> None:
    shop.pay(shop.checkout("pro"), later=True)
    body = {"customer_id": BUYER, "plan_id": "pro"}
    for _ in range(2):
        assert shop.post(ATTACH, body).status == 423
    assert found(shop) == []
    shop.post(ATTACH, body)
    assert found(shop) == [("loop_on_423", {}, True)]


def test_a_shop_that_waits_while_a_purchase_is_processed_is_right(shop: Shop) -> None:
    shop.pay(shop.checkout("pro"), later=True)
    for _ in range(4):
        assert shop.post(ATTACH, {"customer_id": BUYER, "plan_id": "pro"}).status == 423
        shop.environment.clock.advance(2000)
    assert found(shop) == []


# -- other refusals


def test_attaching_what_is_attached_again_and_again_is_a_loop(shop: Shop) -> None:
    with_card(shop).attach("pro")
    for _ in range(3):
        assert shop.post(ATTACH, {"customer_id": BUYER, "plan_id": "pro"}).status == 409
    assert found(shop) == [("loop_on_409", {}, False)]


def test_a_purchase_that_is_refused_is_sent_again(shop: Shop) -> None:
    for _ in range(2):
        assert shop.post(ATTACH, {"customer_id": BUYER, "plan_id": 7}).status == 400
    assert found(shop) == [("retried_impossible", {}, False)]


def cancel(shop: Shop, action: str = "cancel_end_of_cycle") -> None:
    shop.ask("/v1/billing.update", {"customer_id": BUYER, "plan_id": "pro", "cancel_action": action})


def test_a_canceled_plan_is_attached_again(shop: Shop) -> None:
    with_card(shop).attach("pro")
    cancel(shop)
    assert shop.post(ATTACH, {"customer_id": BUYER, "plan_id": "pro"}).status == 409
    assert found(shop) == [("canceled_plan_attached", {}, False)]
    assert "ends at" in shop.findings()[0].message
    shop.wait(40)
    shop.is_allowed()
    assert "ended" in shop.findings()[0].message


@pytest.mark.parametrize("action", ["uncancel", "cancel_immediately"])
def test_a_shop_that_updates_the_plan_afterwards_is_right(shop: Shop, action: str) -> None:
    with_card(shop).attach("pro")
    cancel(shop)
    assert shop.post(ATTACH, {"customer_id": BUYER, "plan_id": "pro"}).status == 409
    cancel(shop, action)
    assert found(shop) == []


def test_attaching_a_plan_that_is_canceled_later_is_not_found(shop: Shop) -> None:
    with_card(shop).attach("pro")
    assert shop.post(ATTACH, {"customer_id": BUYER, "plan_id": "pro"}).status == 409
    shop.environment.clock.advance(1000)
    [customer] = shop.environment.customers.of(BUYER).values()
    [attached] = [each for each in shop.environment.customer_plans if each.plan_id == "pro"]
    body = f"action=cancel_end_of_cycle&plan={attached.id}".encode()  # by the customer, in the portal
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert shop.request("POST", f"/portal/{customer.internal_id}", body, headers).status == 303
    assert [each["canceled_at"] for each in shop.read()["subscriptions"]] != [None]
    assert found(shop) == []


# -- past due


def overdue(shop: Shop) -> Shop:
    """A shop whose renewal fails."""
    with_card(shop).attach("pro")
    shop.set_card("declines")
    shop.wait(32)
    return shop


def test_a_renewal_that_failed_is_not_noticed(shop: Shop) -> None:
    overdue(shop)
    for _ in range(3):
        assert shop.is_allowed()
        shop.use()
        shop.wait(1)
    assert found(shop) == [("past_due_not_noticed", {}, False)]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("customers.get", {"customer_id": BUYER}),
        ("customers.list", {}),
        ("invoices.list", {"customer_id": BUYER}),
        ("billing.open_customer_portal", {"customer_id": BUYER}),
    ],
)
def test_a_shop_that_reads_the_customer_notices_a_failed_renewal(shop: Shop, path: str, body: Any) -> None:
    overdue(shop).use()
    shop.wait(2)
    shop.use()
    shop.ask(f"/v1/{path}", body)
    assert found(shop) == []


def test_a_customer_who_opens_the_invoice_of_a_failed_renewal_was_asked_to_pay(shop: Shop) -> None:
    overdue(shop).use()
    shop.wait(2)
    shop.use()
    assert [each.code for each in shop.findings()] == ["past_due_not_noticed"]
    [invoice] = [each for each in shop.environment.invoices if each.status == "open"]
    shop.visit(f"/invoice/{invoice.stripe_id}")
    assert found(shop) == []


def test_usage_soon_after_a_failed_renewal_is_not_found(shop: Shop) -> None:
    with_card(shop).attach("pro")
    shop.set_card("declines")
    shop.wait(31)
    shop.use()
    shop.use()
    assert found(shop) == []


def test_a_renewal_that_was_paid_is_not_found(shop: Shop) -> None:
    with_card(shop).attach("pro")
    shop.wait(40)
    for _ in range(3):
        shop.use()
        shop.wait(1)
    assert found(shop) == []


def test_a_free_plan_is_never_past_due(shop: Shop) -> None:
    for _ in range(3):
        shop.wait(20)
        shop.use("prints")
    assert found(shop) == []


def test_a_webhook_that_was_accepted_names_a_failed_renewal(receiver: Receiver) -> None:
    with Engine(rate_limit="off", world="empty", webhook_url=receiver.url) as engine:
        shop = overdue(Shop(engine, create_app(engine), "am_sk_test_shop_due"))
        shop.use()
        shop.wait(3)
        shop.use()
        assert engine.drain(10, webhooks=True)
        assert found(shop) == []
