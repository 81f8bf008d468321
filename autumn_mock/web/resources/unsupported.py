"""Calls of the official clients that are not emulated: each answers one error that says so, and what to use instead."""

from __future__ import annotations

from autumn_mock.operations.errors import invalid_request
from autumn_mock.web.context import Answer, RequestContext
from autumn_mock.web.endpoint import Endpoint, endpoint
from autumn_mock.web.rate_limits import GroupName
from autumn_mock.wire.answer import Error

_NO_PAYMENTS = "this emulator takes no payments"
_OUTSIDE = "this emulator does metering only"
_ATTACH = "use billing.attach or billing.update with no_billing_changes: true, or a free plan"
_GIVE = "give customers what they would get with balances.create, or put them on a plan with no_billing_changes: true"
_KEYS = "give the server further keys with --key or in its world, and empty an organisation with POST /_mock/reset"

#: Calls, why they are not emulated, and what to use instead.
_GROUPS: tuple[tuple[str, str, str], ...] = (
    (
        "billing.multi_attach billing.preview_multi_attach billing.multi_update billing.preview_multi_update "
        "billing.create_schedule billing.import billing.setup_payment billing.open_customer_portal billing.verify",
        _NO_PAYMENTS,
        _ATTACH,
    ),
    (
        "invoices.create invoices.finalize invoices.insert invoices.issue_credit_note invoices.listTemplates "
        "invoices.pay invoices.reissue invoices.update invoices.void",
        _NO_PAYMENTS,
        _ATTACH,
    ),
    ("licenses.attach licenses.release", _NO_PAYMENTS, _GIVE),
    (
        "referrals.create_code referrals.redeem_code referral_programs.create referral_programs.delete "
        "referral_programs.get referral_programs.update",
        _OUTSIDE,
        _GIVE,
    ),
    ("rewards.create rewards.delete rewards.get rewards.redeem rewards.update", _OUTSIDE, _GIVE),
    (
        "platform.disconnect_stripe platform.get_revenuecat_keys platform.get_stripe_connection "
        "platform.link_revenuecat platform.sync_revenuecat",
        _NO_PAYMENTS,
        _ATTACH,
    ),
    (
        "keys.mint keys.refresh keys.revoke sandboxes.create sandboxes.delete sandboxes.list sandboxes.reset",
        _OUTSIDE,
        _KEYS,
    ),
    (
        "webhooks.create webhooks.delete webhooks.get webhooks.list webhooks.preview_sync webhooks.sync "
        "webhooks.update",
        _OUTSIDE,
        "set up what a test needs with the options of autumn-mock serve and the control API under /_mock",
    ),
    ("logs.search", _OUTSIDE, "read the requests with GET /_mock/requests"),
)

#: What each call answers.
MESSAGES: dict[str, str] = {
    call: f"{call} is not emulated: {why}. Instead, {instead}."
    for calls, why, instead in _GROUPS
    for call in calls.split()
}


_FREE = "without payments: priced plans need no_billing_changes: true"
#: Calls that are served in part, and what is missing.
PARTLY: dict[str, str] = {
    **dict.fromkeys(("billing.attach", "billing.update", "billing.preview_attach", "billing.preview_update"), _FREE),
    "catalog.update": "without rewards and referral programs; drafts of migrations are not stored",
    "customers.advance_test_clock": "moves the clock of the whole organisation",
    "get_organization": "shows publishable keys masked",
}

#: Calls whose limit is not the general one.
_LIMITS: dict[str, GroupName] = {
    "billing.multi_attach": "attach",
    "billing.multi_update": "attach",
    "billing.setup_payment": "attach",
    "logs.search": "logs",
}


def _refusing(call: str) -> Endpoint:
    @endpoint(f"POST /v1/{call}", scopes="customers:write", limit=_LIMITS.get(call, "general"), answers={400: Error})
    def refuse(_request: RequestContext) -> Answer:
        raise invalid_request(MESSAGES[call])

    return refuse


ENDPOINTS = tuple(_refusing(call) for call in MESSAGES)
