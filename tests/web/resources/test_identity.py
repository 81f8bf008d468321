"""Who a customer is: ids and addresses, and internal ids on request."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.web.resources.conftest import KEY


def test_addresses_are_compared_without_case(ask: Any) -> None:
    ask("customers.get_or_create", {"customer_id": None, "email": "Low@example.com", "name": "L"})
    found = ask("customers.get_or_create", {"customer_id": None, "email": "lOW@EXAMPLE.com", "name": "U"})
    assert (found["id"], found["name"], found["email"]) == (None, "L", "Low@example.com")
    claimed = ask("customers.get_or_create", {"customer_id": "d", "email": "LOW@example.COM"})
    assert (claimed["id"], claimed["name"]) == ("d", "L")
    other = ask("customers.get_or_create", {"customer_id": "e", "email": "LOW@example.COM"})
    assert (other["id"], other["name"]) == ("e", None)


@pytest.mark.parametrize("version", ["1.2.0", "2.0.0", "2.3.0", "2.5.0"])
@pytest.mark.parametrize("path", ["/v1/customers/c", "/v1/customers"])
def test_internal_ids_are_shown_on_request(client: FlaskClient, ask: Any, path: str, version: str) -> None:
    ask("customers.get", {"customer_id": "c"})
    headers = {"Authorization": f"Bearer {KEY}", "x-api-version": version}

    def body(query: str) -> Any:
        if path == "/v1/customers":
            return client.post(path + query, json={"id": "c", "customer_id": "c"}, headers=headers).get_json()
        return client.get(path + query, headers=headers).get_json()

    assert body("?with_autumn_id=true")["autumn_id"].startswith("cus_")
    assert "autumn_id" not in body("")
