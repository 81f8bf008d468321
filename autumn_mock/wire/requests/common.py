"""Parts that several requests share."""

from __future__ import annotations

from typing import Any, Final

from autumn_mock.domain.plan import Interval
from autumn_mock.wire.requests.controls import CustomerControlsParams, EntityControlsParams
from autumn_mock.wire.schema import (
    Params,
    Schema,
    array,
    boolean,
    coerced_integer,
    email,
    enum,
    field,
    nullable,
    number,
    obj,
    optional,
    record,
    rule,
    string,
)

RESET_INTERVAL: Final[Schema[Interval]] = enum(
    "one_off", "minute", "hour", "day", "week", "month", "quarter", "semi_annual", "year"
)
BILLING_INTERVAL: Final[Schema[Interval]] = enum("one_off", "week", "month", "quarter", "semi_annual", "year")

#: Newer clients may also ask for ``billing_details``, which the measured refusal does not name.
CUSTOMER_EXPAND: Final = enum(
    "invoices",
    "invoice_previews",
    "trials_used",
    "rewards",
    "entities",
    "referrals",
    "payment_method",
    "subscriptions.plan",
    "purchases.plan",
    "balances.feature",
    "flags.feature",
    "billing_controls.auto_topups.purchase_limit",
    unlisted=("billing_details",),
)

_CURRENCY_CODES: Final = """
usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd cad
cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl
hrk htg huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga
mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron
rsd rub rwf sar sbd scr sek sgd shp sle sos srd std szl thb tjs tnd top try ttd twd tzs uah ugx uyu uzs
vnd vuv wst xaf xcd xof xpf yer zar zmw
"""
_CURRENCIES: Final = frozenset(_CURRENCY_CODES.split())

CURRENCY: Final = string().refine(lambda code: code.lower() in _CURRENCIES, "must be a Stripe-supported currency code")


class TaxId(Params):
    type: str = field(string())
    value: str = field(string())


class TaxIds(Params):
    add: list[TaxId] | None = field(array(obj(TaxId)), default=None)
    remove: list[TaxId] | None = field(array(obj(TaxId)), default=None)


class BillingDetails(Params):
    """Accepted, and not used without a payment provider."""

    address: dict[str, Any] | None = field(nullable(record()), default=None)
    tax_ids: TaxIds | None = field(obj(TaxIds), default=None)
    tax_exempt: str | None = field(enum("none", "exempt", "reverse"), default=None)
    invoice_settings: dict[str, Any] | None = field(record(), default=None)


#: Kept as it was sent.
CUSTOMER_CONFIG: Final = obj(
    {"disable_pooled_balance": optional(boolean()), "disable_overage_billing": optional(boolean())}
)


class InternalOptions(Params):
    """Accepted and not used."""

    default_group: str | None = field(string(), default=None)
    disable_defaults: bool | None = field(boolean(), default=None)


class CustomerData(Params):
    """What a call that creates its customer says about it."""

    name: str | None = field(nullable(string()), default=None)
    email: str | None = field(nullable(email()), default=None)
    fingerprint: str | None = field(nullable(string()), default=None)
    metadata: dict[str, Any] | None = field(nullable(record()), default=None)
    stripe_id: str | None = field(nullable(string()), default=None)
    create_in_stripe: bool | None = field(boolean(), default=None)
    auto_enable_plan_id: str | None = field(string(), default=None)
    processors: dict[str, Any] | None = field(nullable(record()), default=None)
    send_email_receipts: bool | None = field(boolean(), default=None)
    currency: str | None = field(nullable(CURRENCY), default=None)
    billing_controls: CustomerControlsParams | None = field(obj(CustomerControlsParams), default=None)
    config: dict[str, Any] | None = field(CUSTOMER_CONFIG, default=None)
    billing_details: BillingDetails | None = field(obj(BillingDetails), default=None)
    internal_options: InternalOptions | None = field(obj(InternalOptions), default=None)


class EntityData(Params):
    """What a call that creates its entity says about it."""

    feature_id: str = field(string())
    name: str | None = field(string(), default=None)
    billing_controls: EntityControlsParams | None = field(obj(EntityControlsParams), default=None)
    metadata: dict[str, Any] | None = field(nullable(record()), default=None)


class PlanFilter(Params):
    """Customers on a plan, in these versions of it."""

    id: str = field(string())
    versions: list[float] | None = field(array(number()), default=None)


class ListFilters(Params):
    """Filters that customers.list and entities.list have in common."""

    plans: list[PlanFilter] | None = field(array(obj(PlanFilter)), default=None)
    subscription_status: str | None = field(enum("active", "scheduled"), default=None)
    search: str | None = field(string(), default=None)
    processors: list[str] | None = field(array(enum("stripe", "revenuecat", "vercel")), default=None)


#: The fields of a page by cursor, the form since 2.3, and of a page by offset, the form before.
START_CURSOR: Final = string()
OFFSET: Final = coerced_integer(min=0)


def page_limit(most: int, *, least: int = 1) -> Schema[int]:
    """How many rows a page has at most."""
    return coerced_integer(min=least, max=most)


class RowsOfACustomer(Params):
    """The parameters of the lists that can be narrowed to a customer and one of its entities."""

    customer_id: str | None = field(string(), default=None)
    entity_id: str | None = field(string(), default=None)
    limit: int = field(page_limit(200), default=50)
    start_cursor: str = field(START_CURSOR, default="")

    @rule("entity_id requires customer_id", ("entity_id",))
    def _names_the_owner(self) -> bool:
        return not self.entity_id or bool(self.customer_id)


class ResetParams(Params):
    """How often a grant is renewed."""

    interval: Interval = field(RESET_INTERVAL)
    interval_count: float | None = field(number(), default=None)
