"""The reference of the fixture's objects is complete."""

from __future__ import annotations

import pytest

from autumn_mock.docs import topics
from autumn_mock.testing.embedded import Emulator
from autumn_mock.testing.mock import AutumnMock
from tests.docs.objects import CLASSES, RESULT, choices, markdown, members


@pytest.mark.parametrize("cls", CLASSES)
def test_every_public_attribute_is_listed_with_its_meaning(cls: type, autumn_mock: AutumnMock) -> None:
    instances = [autumn_mock, autumn_mock.clock, autumn_mock.webhooks, autumn_mock.checkouts]
    instances.append(autumn_mock.fault("queue:down"))
    live = next((each for each in instances if type(each) is cls), None)
    declared = vars(cls) if cls is Emulator else dir(cls)  # most of what it inherits is the server's own
    names = {*declared, *(vars(live) if live is not None else ())}
    listed = {each.name: each for each in members(cls)}
    assert {name for name in names if not name.startswith("_")} <= listed.keys()
    assert [name for name, each in listed.items() if not each.meaning] == []
    text = topics()["testing-python"].text.replace("\\|", "|")
    assert [each.written for each in listed.values() if f"| `{each.written}` |" not in text] == []


@pytest.mark.parametrize("cls", RESULT)
def test_every_field_of_the_result_of_certify_has_a_meaning(cls: type) -> None:
    assert [each.name for each in members(cls) if not each.meaning] == []
    assert {each.name for each in members(cls)} == {name for name in dir(cls) if not name.startswith("_")}


def test_literal_types_are_listed_with_their_values() -> None:
    found = choices()
    assert found["Level"] == ("certain", "probable")
    assert {"PaymentMethod", "Settle", "WebhookType", "ReplyStatus", "CheckoutStatus"} <= found.keys()


def test_docstrings_become_one_paragraph() -> None:
    text = (
        "Send ``x``.\n\n::\n\n    code()\n\nArgs:\n    at: when (ms).\n\nRaises:\n    ValueError: for :meth:`~a.take`."
    )
    assert markdown(text) == "Send `x`. `at`: when (ms). Raises `ValueError`: for `take`."
