"""licenses.*: the seats of plans that a customer's plan offers to its entities."""

from __future__ import annotations

from autumn_mock.wire import schema as z


class LicenseEntity(z.Params):
    """An entity that is to hold a licence; one with ``feature_id`` is created if it is missing."""

    entity_id: str = z.field(z.string(min=1))
    name: str | None = z.field(z.string(), default=None)
    feature_id: str | None = z.field(z.string(), default=None)


class LicensesAttach(z.Params):
    customer_id: str = z.field(z.string())
    plan_id: str = z.field(z.string())
    entities: list[LicenseEntity] = z.field(z.array(z.obj(LicenseEntity), min=1))


class LicensesRelease(z.Params):
    customer_id: str = z.field(z.string())
    license_plan_id: str | None = z.field(z.string(), default=None)
    entity_ids: list[str] = z.field(z.array(z.string(), min=1))


class LicensesList(z.Params):
    customer_id: str = z.field(z.string())
    entity_id: str | None = z.field(z.string(), default=None)


class AssignmentsList(LicensesList):
    plan_id: str | None = z.field(z.string(), default=None)
    active: bool | None = z.field(z.boolean(), default=None)
