"""The package's docstring is a map of its modules, in the order of their imports."""

from __future__ import annotations

import re
from pathlib import Path

from autumn_mock.operations import billing
from tests.support.sources import module_imports

FOLDER = Path(billing.__file__).parent
LISTED = re.findall(r"^- ``(\w+)``:", billing.__doc__ or "", re.MULTILINE)


def test_every_module_is_listed_once() -> None:
    assert sorted(LISTED) == sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")


def test_modules_import_those_listed_above_them() -> None:
    wrong = [
        f"{name} imports {other}, which is not above it"
        for position, name in enumerate(LISTED)
        for other in module_imports(FOLDER / f"{name}.py", billing.__name__)
        if other not in LISTED[:position]
    ]
    assert wrong == []
