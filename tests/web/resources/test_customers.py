"""Customers: the test clock."""

from __future__ import annotations

from typing import Any

from autumn_mock.engine import Engine


def test_advance_test_clock_moves_one_organisation(ask: Any, emulator: Engine) -> None:
    before = emulator.clock.now()
    later = (before // 1000 + 3600) * 1000
    asked = {"customer_id": "c", "frozen_time": later}
    assert ask("customers.advance_test_clock", {**asked, "customer_id": "nobody"}, 404)["code"] == "customer_not_found"
    assert ask("customers.advance_test_clock", asked)["frozen_time"] == later
    assert ask("customers.get_or_create", {"customer_id": "d"})["created_at"] >= later
    assert emulator.clock.now() < later
    assert "later than" in ask("customers.advance_test_clock", asked, 400)["message"]
    assert "thousand years" in ask("customers.advance_test_clock", {**asked, "frozen_time": 9 * 10**15}, 400)["message"]
