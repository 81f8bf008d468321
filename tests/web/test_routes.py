"""Routes that learn late how to make their addresses."""

from __future__ import annotations

import re

from flask import url_for

from autumn_mock.engine import Engine
from autumn_mock.settings import Settings
from autumn_mock.web import create_app


def test_addresses_are_made_all_the_same() -> None:
    app = create_app(Engine(Settings()))
    rules = [rule for rule in app.url_map.iter_rules() if rule.arguments == {"customer_id"}]
    assert rules
    with app.test_request_context("/"):
        for rule in rules:
            made = url_for(rule.endpoint, customer_id="a b", limit=1)
            assert made == re.sub("<.*>", "a%20b", rule.rule) + "?limit=1"
