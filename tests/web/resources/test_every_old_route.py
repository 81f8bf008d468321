"""Every route that older clients call leads somewhere: to what exists, or to an error that names it."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.web.conftest import KEY

#: Method and path below ``/v1``, by what they are about.
ROUTES = """
POST attach|attach/preview|checkout|cancel|setup_payment
GET customers
POST customers|customers/list|customers/clear_cache
GET customers/cus_123|customers/cus_123/products|customers/cus_123/entities|customers/cus_123/billing_portal
POST customers/cus_123|customers/cus_123/balances|customers/cus_123/transfer|customers/cus_123/coupons/c
POST customers/cus_123/billing_portal|customers/cus_123/invoices/in_1/refund|customers/cus_123/entities
PATCH customers/cus_123
DELETE customers/cus_123/coupons|customers/cus_123/entities/seat_1|customers/cus_none
GET customers/cus_123/entities/seat_1
GET products|products_beta|products/free|products/free/has_customers|products/free/deletion_info
POST products|products/free|products/free/copy|products/free/has_customers
PATCH products/free
DELETE products/none
GET plans|plans/free|plans/free/has_customers|plans/free/deletion_info
POST plans|plans/free|plans/free/copy|plans/free/has_customers
PATCH plans/free
DELETE plans/none
GET features|features/messages|features/ai/model_pricing
POST features|features/messages
DELETE features/none
POST track|events|usage|track_tokens|check|entitled|query|events/list|events/aggregate
POST balances/create|balances/update|balances/recalculate|balances/preview_recalculate|balances
GET balances/list
GET components/pricing_table|rewards|reward_programs|redemptions/r_1|organization
POST referrals/code|referrals/redeem|configs/push|configs/nuke|plans.create_variant
PATCH organization
"""
CASES = [
    (method, path)
    for method, _, paths in (line.partition(" ") for line in ROUTES.split("\n") if line)
    for path in paths.split("|")
]


@pytest.mark.parametrize("version", ["0.1", "1.2", "2.3"])
@pytest.mark.parametrize(("method", "path"), CASES, ids=lambda each: each)
def test_route_is_known(client: FlaskClient, method: str, path: str, version: str) -> None:
    headers = {"authorization": f"Bearer {KEY}", "x-api-version": version}
    reply = client.open(f"/v1/{path}", method=method, headers=headers, json={} if method != "GET" else None)
    assert reply.status_code < 500
    body = reply.get_json()
    assert not isinstance(body, dict) or body.get("code") != "no_auth_header", body
