"""Parts that several requests share."""

from __future__ import annotations

from typing import Any, Final

from autumn_mock.domain.amount import MOST_UNITS
from autumn_mock.domain.plan import Interval
from autumn_mock.wire import schema as z
from autumn_mock.wire.requests.controls import CustomerControlsParams, EntityControlsParams
from autumn_mock.wire.requests.intervals import RESET_INTERVAL

#: Newer clients may also ask for ``billing_details``, which the measured refusal does not name.
CUSTOMER_EXPAND: Final = z.enum(
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

CURRENCY: Final = z.string().refine(
    lambda code: code.lower() in _CURRENCIES, "must be a Stripe-supported currency code"
)


def quantity_schema(min_text: str) -> z.Number[float]:
    """How much of a feature is bought."""
    return z.number(min=0, min_text=min_text).refine(
        lambda value: value <= MOST_UNITS, "quantity cannot exceed 10 trillion"
    )


_TAX_IDS: Final = z.array(z.obj({"type": z.string(), "value": z.string()}))
#: Accepted, and not used without a payment provider.
BILLING_DETAILS: Final = z.obj(
    {
        "address": z.nullish(z.record()),
        "tax_ids": z.optional(z.obj({"add": z.optional(_TAX_IDS), "remove": z.optional(_TAX_IDS)})),
        "tax_exempt": z.optional(z.enum("none", "exempt", "reverse")),
        "invoice_settings": z.optional(z.record()),
    }
)
#: Which default plans a new customer gets: those of a group, or none.
INTERNAL_OPTIONS: Final = z.obj({"default_group": z.optional(z.string()), "disable_defaults": z.optional(z.boolean())})
#: Kept as it was sent.
CUSTOMER_CONFIG: Final = z.obj(
    {"disable_pooled_balance": z.optional(z.boolean()), "disable_overage_billing": z.optional(z.boolean())}
)


class CustomerData(z.Params):
    """What a call that creates its customer says about it (contract 3.4). Other keys are not read."""

    name: str | None = z.field(z.nullable(z.string()), default=None)
    email: str | None = z.field(z.nullable(z.email()), default=None)
    fingerprint: str | None = z.field(z.nullable(z.string()), default=None)
    metadata: dict[str, Any] | None = z.field(z.nullable(z.record()), default=None)
    stripe_id: str | None = z.field(z.nullable(z.string()), default=None)
    create_in_stripe: bool | None = z.field(z.boolean(), default=None)
    auto_enable_plan_id: str | None = z.field(z.string(), default=None)
    processors: dict[str, Any] | None = z.field(z.nullable(z.record()), default=None)
    send_email_receipts: bool | None = z.field(z.boolean(), default=None)
    currency: str | None = z.field(z.nullable(CURRENCY), default=None)
    billing_controls: CustomerControlsParams | None = z.field(z.obj(CustomerControlsParams), default=None)
    config: dict[str, Any] | None = z.field(CUSTOMER_CONFIG, default=None)
    internal_options: dict[str, Any] | None = z.field(INTERNAL_OPTIONS, default=None)


class EntityData(z.Params):
    """What a call that creates its entity says about it (contract 3.4). Other keys are not read."""

    feature_id: str = z.field(z.string())
    name: str | None = z.field(z.string(), default=None)
    billing_controls: EntityControlsParams | None = z.field(z.obj(EntityControlsParams), default=None)


class PlanFilter(z.Params):
    """Customers on a plan, in these versions of it."""

    id: str = z.field(z.string())
    versions: list[float] | None = z.field(z.array(z.number()), default=None)


class ListFilters(z.Params):
    """Filters that customers.list and entities.list have in common."""

    plans: list[PlanFilter] | None = z.field(z.array(z.obj(PlanFilter)), default=None)
    subscription_status: str | None = z.field(z.enum("active", "scheduled"), default=None)
    search: str | None = z.field(z.string(), default=None)
    processors: list[str] | None = z.field(z.array(z.enum("stripe", "revenuecat", "vercel")), default=None)


#: The fields of a page by cursor, the form since 2.3, and of a page by offset, the form before.
START_CURSOR: Final = z.string()
OFFSET: Final = z.coerced_integer(min=0)


def page_limit(most: int, *, least: int = 1) -> z.Schema[int]:
    """How many rows a page has at most."""
    return z.coerced_integer(min=least, max=most)


class RowsOfOwner(z.Params):
    """The parameters of the lists that can be narrowed to a customer and one of its entities."""

    customer_id: str | None = z.field(z.string(), default=None)
    entity_id: str | None = z.field(z.string(), default=None)
    limit: int = z.field(page_limit(200), default=50)
    start_cursor: str = z.field(START_CURSOR, default="")


class RowsOfACustomer(RowsOfOwner):
    """Those that refuse an entity without its customer in these words."""

    @z.rule("entity_id requires customer_id", ("entity_id",))
    def _names_the_owner(self) -> bool:
        return not self.entity_id or bool(self.customer_id)


class ResetParams(z.Params):
    """How often a grant is renewed."""

    interval: Interval = z.field(RESET_INTERVAL)
    interval_count: float | None = z.field(z.number(), default=None)


class TimeSpan(z.Params):
    """Instants in ms, both included."""

    start: float | None = z.field(z.coerced_number(), default=None)
    end: float | None = z.field(z.coerced_number(), default=None)
