"""Every kind of fault: one class each, in the module of the site where it acts.

To add a kind, add a class to one of these modules. The grammar, ``autumn-mock fault kinds`` and
``GET /_mock/faults/kinds`` derive from the classes; a test compares the table of the README.
"""

from __future__ import annotations

from types import ModuleType

from autumn_mock.faults.armed import ArmedRule
from autumn_mock.faults.kinds import auth, enqueue, limit, reply, worker


def _kinds_of(module: ModuleType) -> list[type[ArmedRule]]:
    """The kinds that a module defines, in order of definition; base classes have no name."""
    return [
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, ArmedRule) and "name" in vars(each)
    ]


#: The kinds by name.
FAULT_KINDS: dict[str, type[ArmedRule]] = {
    kind.name: kind for module in (enqueue, worker, reply, auth, limit) for kind in _kinds_of(module)
}
