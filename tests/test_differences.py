"""Every difference from the real service that the documentation lists is shown by a test.

A line without a test is not known to be true. What no other test shows is in ``tests/web/test_differences.py``.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from autumn_mock.docs import topics

_TESTS = Path(__file__).parent

#: How a line begins, without markup, and the tests that show it.
SHOWN_BY: dict[str, tuple[str, ...]] = {
    "An accepted batch returns 202": ("web/test_differences.py::test_accepted_batch_is_answered_as_the_settings_say",),
    "Items of one customer are deducted in the order of arrival": (
        "web/test_differences.py::test_items_of_one_customer_are_deducted_in_the_order_of_arrival",
    ),
    'customer_id: "" is an unknown customer': ("operations/test_track.py::test_track_refuses",),
    "Payments are pretended": (
        "operations/billing/test_purchases.py::test_purchase",
        "operations/billing/test_purchases.py::test_the_setting_is_the_card_of_who_has_none",
        "operations/billing/test_attach.py::test_attach_refuses",
    ),
    "Subscriptions renew on the organisation's clock": (
        "operations/billing/test_renewals.py::test_what_time_does",
        "operations/billing/test_renewals.py::test_any_steps_of_time_give_what_one_step_gives",
        "operations/billing/test_renewals.py::test_many_renewals_at_once_are_bounded",
    ),
    "A renewal that is not paid": (
        "operations/billing/test_renewals.py::test_a_try_that_succeeds_ends_past_due",
        "operations/billing/test_renewals.py::test_after_the_last_try_the_subscription_ends",
        "operations/billing/test_renewals.py::test_features_go_on_while_a_plan_is_past_due",
        "operations/billing/test_renewals.py::test_open_invoices_are_void_with_the_subscription_where_it_is_set",
    ),
    "Plans without a subscription": (
        "operations/billing/test_attachments.py::test_update_of_the_billing_cycle",
        "operations/billing/test_attachments.py::test_a_later_switch_waits_for_the_end_of_the_period",
        "operations/billing/test_attachments.py::test_the_cycle_goes_on_through_several_switches",
        "operations/billing/test_attachments.py::test_next_reset_at_after_a_switch",
    ),
    "Without a subscription, a trial that needed no card": (
        "operations/billing/test_attachments.py::test_the_end_of_a_trial",
    ),
    "Auto top-ups charge the pretended card": (
        "operations/billing/test_topups.py::test_queued_items_top_up_between_them",
        "operations/billing/test_topups.py::test_three_failures_in_a_row_suspend_until_the_configuration_is_set",
        "operations/billing/test_topups.py::test_webhook_of_success",
    ),
    "Of several changes of one plan that wait": (
        "operations/billing/test_unpaid_changes.py::test_of_two_changes_one_is_paid",
        "operations/billing/test_unpaid_changes.py::test_a_change_that_is_made_ends_one_that_waits",
        "operations/billing/test_unpaid_changes.py::test_while_one_is_being_paid_another_is_refused",
    ),
    "The old POST /v1/attach/preview": (
        "web/resources/test_old_purchases.py::test_preview_of_attach_says_the_branch_and_what_is_due",
        "web/resources/test_old_purchases.py::test_preview_of_attach_opens_no_page_and_creates_no_customer",
    ),
    "Each line of an invoice is rounded to cents": (
        "payments/test_lines.py::test_lines_sum_to_the_total_in_whole_cents",
    ),
    "What was attached without billing is not credited": (
        "operations/billing/test_invoice_lines.py::test_a_plan_without_a_subscription_is_not_credited",
        "payments/test_lines.py::test_overage_of_rows",
    ),
    "Coupons are percentages or fixed amounts": (
        "worlds/test_seeding.py::test_seed_gives_an_environment_its_coupons",
        "operations/billing/test_invoice_lines.py::test_a_grant_of_features_is_refused",
    ),
    "Priced balances of plans without a subscription": (
        "operations/test_lock_release.py::test_plan_changes_are_applied_when_due",
        "operations/billing/test_attachments.py::test_everything_that_is_due_happens_in_its_order",
    ),
    "Versions 2.4 to 2.6 return the answers of 2.3": (
        "web/test_differences.py::test_versions_after_2_3_answer_as_2_3_does",
        "web/test_differences.py::test_track_is_asynchronous_from_2_5_unless_it_says_otherwise",
        "web/test_dispatch.py::test_dispatch_answers_newer_versions_as_the_newest_and_notes_it",
        "web/test_dispatch.py::test_dispatch_refuses_newer_versions_when_it_is_strict",
    ),
    "Rate cards charge the exact share of billing_units": (
        "operations/test_rate_cards.py::test_a_rate_covers_its_billing_units",
        "operations/test_rate_cards.py::test_tiers_are_refused",
    ),
    "combine: max or min": (
        "operations/billing/test_combined_grants.py::test_use_of_a_grant_that_does_not_count_is_not_carried_to_the_one_that_does",
        "ledger/test_alerts.py::test_the_basis_of_an_alert_is_what_100_percent_are",
    ),
    "balance_allocations: a share is taken before": (
        "operations/test_allocations.py::test_a_share_is_taken_first",
        "operations/test_allocations.py::test_shares_are_renewed_with_their_row",
        "operations/test_allocations.py::test_what_is_left_is_shared_in_proportion",
    ),
    "threshold_billing and additional_currencies are kept": (
        "operations/test_plans.py::test_what_bills_nothing_is_kept_and_compared",
        "operations/billing/test_pauses.py::test_the_paid_plan_goes_on_when_the_trial_ends",
        "operations/billing/test_paused_subscriptions.py::test_a_renewal_during_the_trial_is_left_out",
    ),
    "Sums are exact decimals": ("operations/test_track.py::test_track_computes_exactly",),
    "Releasing a lock that drained a loose balance to zero": (
        "web/test_differences.py::test_a_released_lock_returns_nothing_to_a_loose_balance_that_it_drained",
    ),
    "customers.advance_test_clock moves the clock of the whole organisation": (
        "web/resources/test_customers.py::test_advance_test_clock_moves_one_organisation",
    ),
    "A reply has the x-request-id of its request": (
        "journal/test_exchange.py::test_long_or_odd_request_ids_are_not_sent_back",
    ),
    "/v1/organization shows publishable keys masked": (
        "web/test_differences.py::test_publishable_keys_are_shown_masked",
    ),
    "catalog.update accepts no rewards and no referral programs": (
        "web/test_differences.py::test_catalog_update_refuses_what_the_catalogue_does_not_hold",
    ),
    "Pooled items share a pool whatever the anchors of their plans are": (
        "operations/billing/test_pools.py::test_plans_share_a_pool_whatever_their_anchors_are",
    ),
    "Seats of licences move to a plan that replaces their parent": (
        "operations/billing/test_licenses.py::test_a_plan_that_replaces_the_parent_takes_its_seats_over",
        "operations/billing/test_licenses.py::test_a_pooled_item_of_a_licence_is_the_seats_own",
    ),
    "A base price follows to a variant only if both have the same interval": (
        "operations/test_variants.py::test_a_price_follows_unless_the_variant_has_another_interval",
        "operations/test_variants.py::test_variants_of_an_update_are_made_and_changed",
    ),
    "An unchanged plan gets no new version": (
        "operations/test_plans.py::test_update_without_a_change_makes_no_version",
    ),
    "Some fields are accepted and have no effect": (
        "wire/test_ignored.py::test_the_documentation_lists_them",
        "wire/test_ignored.py::test_a_request_that_sends_one_is_noted",
    ),
    "PATCH /v1/organization/config takes usage_alerts": (
        "web/test_differences.py::test_organization_config_takes_usage_alerts_only",
    ),
    "Of older clients coupons": (
        "web/resources/test_unsupported.py::test_unsupported_calls_reply_400_with_their_message",
    ),
    "billing.create_schedule has no later phases": ("operations/billing/test_schedules.py::test_refusals",),
    "billing.multi_attach refuses two main plans": ("operations/billing/test_multi_attach.py::test_refusals",),
    "The link of long_lived_checkout": ("web/checkout/test_public_calls.py::test_a_long_lived_link_leads_to_its_page",),
    "A route that is not served returns the real answer": (
        "web/test_dispatch.py::test_dispatch_refuses_an_unserved_route_and_notes_it_in_the_journal",
    ),
}


def lines() -> list[str]:
    """The lines of the list, each as one text without markup."""
    text = topics()["differences"].text
    listed = re.sub(r"\n+## .*\n", "", text[text.index("\n- ") :]).rstrip()
    return [re.sub(r"\s+", " ", each).replace("*", "").replace("`", "") for each in listed.split("\n- ")[1:]]


@cache
def functions(path: str) -> frozenset[str]:
    """The tests of a module; none if there is no such file."""
    file = _TESTS / path
    if not file.is_file():
        return frozenset()
    nodes = ast.parse(file.read_text("utf-8")).body
    return frozenset(each.name for each in nodes if isinstance(each, ast.FunctionDef) and each.name.startswith("test_"))


def test_the_page_has_the_list() -> None:
    assert len(lines()) > 20


@pytest.mark.parametrize("line", lines(), ids=lambda line: line[:40])
def test_every_difference_names_a_test(line: str) -> None:
    found = [beginning for beginning in SHOWN_BY if line.startswith(beginning)]
    assert len(found) == 1, f"SHOWN_BY has {len(found)} entries for: {line}"


@pytest.mark.parametrize("beginning", SHOWN_BY)
def test_every_test_shows_a_listed_difference(beginning: str) -> None:
    assert any(line.startswith(beginning) for line in lines()), "the page has no such line"
    missing = [
        each for each in SHOWN_BY[beginning] if each.partition("::")[2] not in functions(each.partition("::")[0])
    ]
    assert missing == []
    assert SHOWN_BY[beginning]
