"""What the banner of ``serve`` says to an operator of a shared server; the rest is in ``test_serve.py``."""

from __future__ import annotations

from typing import Any

import pytest

from autumn_mock.cli.banner import facts
from autumn_mock.engine import Engine


def shown(url: str = "http://127.0.0.1:2886", **settings: Any) -> dict[str, Any]:
    with Engine(**settings) as engine:
        return facts(engine, url, "default")


def test_a_server_of_one_machine_has_no_lines_of_a_shared_one() -> None:
    assert shown().keys().isdisjoint({"public_url", "token", "new_keys"})


@pytest.mark.parametrize(
    ("url", "page"),
    [("http://0.0.0.0:2886", "http://127.0.0.1:2886/_mock/"), ("https://[::]:80", "https://[::1]:80/_mock/")],
)
def test_the_page_of_a_server_on_all_addresses_can_be_opened(url: str, page: str) -> None:
    found = shown(url, control_token="secret")
    assert found["address"] == url
    assert found["page"][0] == page
    assert "--public-url" in found["page"][1]


def test_the_public_url_is_shown_and_leads_to_the_page() -> None:
    found = shown("http://0.0.0.0:2886", control_token="secret", public_url="https://billing.example.test")
    assert found["public_url"] == "https://billing.example.test"
    assert found["page"] == "https://billing.example.test/_mock/"


def test_the_token_is_announced_and_not_shown() -> None:
    found = shown(control_token="a-secret-token")
    assert found["token"] == "required: in x-autumn-mock-token, or --control-token of the commands"
    assert "a-secret-token" not in str(found)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"auto_org": True}, "am_sk_test_… opens a copy of the world's first organisation"),
        (
            {"auto_org_idle": "90m"},
            "am_sk_test_… opens a copy of the world's first organisation, until no request has used it for 1h30m",
        ),
        (
            {"auto_org_like": "am_sk_test_autumn_mock"},
            "am_sk_test_… opens a copy of the organisation of am_sk_test_autu*******",
        ),
    ],
)
def test_it_says_what_a_new_key_opens(settings: dict[str, Any], text: str) -> None:
    assert shown(**settings)["new_keys"] == text
