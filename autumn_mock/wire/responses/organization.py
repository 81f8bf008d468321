"""Organisations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import field

from autumn_mock.domain.organisation import ApiKey, Env, Organisation
from autumn_mock.wire.answer import Body
from autumn_mock.wire.responses.controls import control_body


class IdentityBody(Body):
    """The organisation and environment of a key."""

    id: str
    name: str
    slug: str
    env: Env


class OrganisationBody(Body, kw_only=True):
    """An organisation; most of its settings have no effect here and are those of a new organisation."""

    id: str
    name: str
    logo: None = None
    slug: str
    master: None = None
    success_url: str = "https://useautumn.com"
    default_currency: str = "usd"
    stripe_connection: str = "default"
    stripe_secret_key_connected: bool = False
    stripe_oauth_connected: bool = False
    through_master: bool = False
    processor_configs: dict[str, dict[str, bool]]
    created_at: int
    test_pkey: str | None
    live_pkey: str | None
    onboarded: bool = True
    deployed: bool = True
    config: dict[str, Any]
    idempotency_config: None = None
    custom_buttons: list[dict[str, Any]]
    redis_config: None = None


class ServiceFlagsBody(Body):
    """What the operators of the real service may switch off for all organisations."""

    maintenance_modes: dict[str, dict[str, bool]] = field(name="maintenanceModes")
    disable_overage_billing_flags: dict[str, bool] = field(name="disableOverageBillingFlags")


#: The settings of a new organisation that have no effect here.
_SWITCHES: dict[str, Any] = {
    "bill_upgrade_immediately": True,
    "convert_to_charge_automatically": True,
    "anchor_start_of_month": False,
    "cancel_on_past_due": False,
    "prorate_unused": True,
    "checkout_on_failed_payment": True,
    "reverse_deduction_order": False,
    "include_past_due": True,
    "sync_status": True,
    "merge_billing_cycles": True,
    "multiple_trials": False,
    "allow_paid_default": False,
    "cache_customer": False,
    "invoice_memos": False,
    "entity_product": False,
    "void_invoices_on_subscription_deletion": False,
    "default_applies_to_entities": False,
    "disable_overage_billing": False,
    "disable_stripe_writes": False,
    "disabled_auto_topup": False,
    "persist_free_overage": False,
    "dryrun_autotopups": False,
    "forward_customer_metadata": False,
    "automatic_tax": False,
    "multi_currency": False,
}

#: Nothing is switched off.
SERVICE_FLAGS = ServiceFlagsBody({"analytics": {"disableRevenueMetrics": False}}, {})


def identity_body(organisation: Organisation, env: Env) -> IdentityBody:
    """The organisation and environment of a key."""
    return IdentityBody(organisation.id, organisation.name, organisation.slug, env)


def organisation_body(organisation: Organisation, keys: Iterable[ApiKey]) -> OrganisationBody:
    """An organisation. Of its publishable keys, only the part is known that may be shown."""
    public = {key.env: key.hint for key in keys if key.org_id == organisation.id and key.publishable}
    config = organisation.config
    return OrganisationBody(
        id=organisation.id,
        name=organisation.name,
        slug=organisation.slug,
        processor_configs={"vercel": {"connected": False}, "revenuecat": {"connected": False}},
        created_at=organisation.created_at,
        test_pkey=public.get("sandbox"),
        live_pkey=public.get("live"),
        config={
            "usage_alerts": [control_body(each) for each in config.usage_alerts],
            "sandbox_usage_alerts": [control_body(each) for each in config.sandbox_usage_alerts],
            **_SWITCHES,
            **{name: getattr(config, name) for name in config.__struct_fields__ if not name.endswith("_alerts")},
        },
        custom_buttons=[],
    )
