"""What older versions send is translated before it is validated, so a translation meets any JSON."""

from __future__ import annotations

import ast
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from autumn_mock.domain.version import Version
from autumn_mock.web.resources.registry import ENDPOINTS
from autumn_mock.wire import versions
from autumn_mock.wire.versions import upgraded
from tests.support.sources import nodes_of

#: Every word that the translations use: keys, and values.
WORDS = sorted(
    {
        node.value
        for path in Path(versions.__file__).parent.glob("*.py")
        for node in nodes_of(path)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier()
    }
)
ODD: tuple[Any, ...] = (None, True, -1, 1e308, "x", "inf", [], {}, [None], [{}], [[]], {"x": []})
CALLS = sorted({endpoint.name for endpoint in ENDPOINTS})


@pytest.mark.parametrize("call", CALLS)
def test_a_translation_takes_any_json(call: str) -> None:
    full = dict.fromkeys(WORDS, 1)
    for word, odd in product(WORDS, ODD):
        for part in ({word: odd}, {**full, word: odd}):
            for body in (part, {"items": [part], "free_trial": part}):
                try:
                    upgraded(call, body, Version.V0_1)
                except Exception as error:
                    pytest.fail(f"{call}: {word} = {odd!r}: {type(error).__name__}: {error}")
