"""Every kind of fault: one class each, in a module of its own.

To add a kind, add a module with a subclass of a site's class (:mod:`autumn_mock.faults.sites`). The grammar,
``autumn-mock fault kinds`` and ``GET /_mock/faults/kinds`` derive from the classes, and so does the table of the
documentation.
"""

from __future__ import annotations

import importlib
import pkgutil

from autumn_mock.faults.armed import ArmedRule


def discover() -> dict[str, type[ArmedRule]]:
    """The kinds that the modules of this package define, by name, in the order of the modules' names."""
    found: dict[str, type[ArmedRule]] = {}
    for name in sorted(info.name for info in pkgutil.iter_modules(__path__)):
        module = importlib.import_module(f"{__name__}.{name}")
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, ArmedRule) and value.__module__ == module.__name__:
                found[value.name] = value
    return found


#: The kinds by name.
FAULT_KINDS = discover()
