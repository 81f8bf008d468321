"""Calls of the official clients that are not emulated: each answers one error that says so, and what to use instead."""

from __future__ import annotations

from autumn_mock.operations.errors import invalid_request
from autumn_mock.web.context import Answer, RequestContext
from autumn_mock.web.endpoint import Endpoint, endpoint
from autumn_mock.web.rate_limits import GroupName
from autumn_mock.wire.answer import Error

_NO_PAYMENTS = "there is no payment provider behind this emulator"
_OUTSIDE = "this emulator has metering and purchases only"
_ATTACH = "use billing.attach or billing.update with no_billing_changes: true, or a free plan"
_GIVE = "give customers what they would get with balances.create, or put them on a plan with no_billing_changes: true"
_KEYS = "give the server further keys with --key or in its world, and empty an organisation with POST /_mock/reset"

#: Calls, why they are not emulated, and what to use instead.
_GROUPS: tuple[tuple[str, str, str], ...] = (
    (
        "billing.import billing.verify",
        _NO_PAYMENTS,
        _ATTACH,
    ),
    (
        "invoices.create invoices.finalize invoices.insert invoices.issue_credit_note invoices.listTemplates "
        "invoices.pay invoices.reissue invoices.update invoices.void",
        _NO_PAYMENTS,
        _ATTACH,
    ),
    (
        "catalogV2.get catalogV2.preview_update catalogV2.update",
        _OUTSIDE,
        "use catalog.preview_update and catalog.update",
    ),
    (
        "referrals.create_code referrals.redeem_code referral_programs.create referral_programs.delete "
        "referral_programs.get referral_programs.update",
        _OUTSIDE,
        _GIVE,
    ),
    ("rewards.redeem rewards.update", _OUTSIDE, _GIVE),
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

#: Routes without such a name, of older clients and of the dashboard's own calls with a secret key.
_ROUTES: tuple[tuple[str, str, str], ...] = (
    (
        "POST /v1/customers/<customer_id>/coupons/<coupon_id>, DELETE /v1/customers/<customer_id>/coupons, "
        "GET /v1/organization/stripe, "
        "POST /v1/organization/stripe, DELETE /v1/organization/stripe",
        _NO_PAYMENTS,
        _ATTACH,
    ),
    (
        "GET /v1/rewards, POST /v1/rewards, GET /v1/rewards/<reward_id>, POST /v1/rewards/<reward_id>, "
        "DELETE /v1/rewards/<reward_id>, GET /v1/reward_programs, POST /v1/reward_programs, "
        "GET /v1/reward_programs/<program_id>, DELETE /v1/reward_programs/<program_id>, POST /v1/referrals/code, "
        "POST /v1/referrals/redeem, GET /v1/redemptions/<redemption_id>",
        _OUTSIDE,
        _GIVE,
    ),
    ("GET /v1/customers/<customer_id>/products", _OUTSIDE, "read the plans of the customer with customers.get"),
    ("POST /v1/products/<plan_id>/copy, POST /v1/plans/<plan_id>/copy", _OUTSIDE, "create the plan with plans.create"),
    ("GET /v1/features/ai/model_pricing", _OUTSIDE, "set model_markups of a feature, or model prices in a world"),
    ("GET /v1/components/pricing_table", _OUTSIDE, "list the plans with plans.list and a customer_id"),
    ("POST /v1/configs/push, POST /v1/configs/nuke", _OUTSIDE, "use catalog.update, or POST /_mock/reset"),
    ("POST /v1/migrations, GET /v1/migrations", _OUTSIDE, "move customers with billing.update and a version"),
    (
        "PATCH /v1/organization, POST /v1/platform/exchange, POST /v1/platform/organizations",
        _OUTSIDE,
        _KEYS,
    ),
)

#: What each call answers.
MESSAGES: dict[str, str] = {
    call: f"{call} is not emulated: {why}. Instead, {instead}."
    for calls, why, instead in _GROUPS
    for call in calls.split()
}
#: What each of those routes answers.
ROUTE_MESSAGES: dict[str, str] = {
    route: f"{route} is not emulated: {why}. Instead, {instead}."
    for routes, why, instead in _ROUTES
    for route in routes.split(", ")
}


_PRETENDED = "charges a pretended card (serve --payments)"
#: Calls that are served in part, and what is missing.
PARTLY: dict[str, str] = {
    **dict.fromkeys(
        ("billing.attach", "billing.update", "billing.preview_attach", "billing.preview_update"), _PRETENDED
    ),
    "catalog.update": "without rewards and referral programs; drafts of migrations are not stored",
    "customers.advance_test_clock": "moves the clock of the whole organisation",
    "attach": _PRETENDED,
    "get_organization": "shows publishable keys masked",
}

#: Calls whose limit is not the general one.
_LIMITS: dict[str, GroupName] = {
    "logs.search": "logs",
}


def _refusing(route: str, message: str, limit: GroupName = "general") -> Endpoint:
    @endpoint(route, scopes="customers:write", limit=limit, answers={400: Error})
    def refuse(_request: RequestContext) -> Answer:
        raise invalid_request(message)

    return refuse


ENDPOINTS = (
    *(_refusing(f"POST /v1/{call}", message, _LIMITS.get(call, "general")) for call, message in MESSAGES.items()),
    *(_refusing(route, message) for route, message in ROUTE_MESSAGES.items()),
)
