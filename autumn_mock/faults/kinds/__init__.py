"""Every kind of fault: one class each, in a module of its own.

To add a kind, add a module with a subclass of a site's class (:mod:`autumn_mock.faults.sites`). The grammar,
``autumn-mock fault kinds`` and ``GET /_mock/faults/kinds`` derive from the classes; a test compares the table of the
README.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

from autumn_mock.faults.armed import ArmedRule


def _kinds() -> Iterator[type[ArmedRule]]:
    """The classes that the modules of this package define, by the names of the modules."""
    for name in sorted(info.name for info in pkgutil.iter_modules(__path__)):
        module = importlib.import_module(f"{__name__}.{name}")
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, ArmedRule) and value.__module__ == module.__name__:
                yield value


#: The kinds by name.
FAULT_KINDS: dict[str, type[ArmedRule]] = {kind.name: kind for kind in _kinds()}
