"""The sizes of everything that an object graph contains: what must not grow for ever."""

from __future__ import annotations

import logging
import sys
import weakref
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

_CONTAINERS = (dict, list, set, frozenset, tuple, deque, weakref.WeakSet, weakref.WeakKeyDictionary)
_LEAVES = (
    str,
    bytes,
    int,
    float,
    complex,
    bool,
    type(None),
    type,
    FunctionType,
    BuiltinFunctionType,
    ModuleType,
    logging.Logger,
)


def sizes(roots: Mapping[str, Any]) -> Counter[str]:
    """The number of elements by path, such as ``engine.state._clocks``.

    A path names attributes; ``[]`` stands for any element of a container, so that the elements of all environments are
    added up.
    """
    found: Counter[str] = Counter()
    seen: set[int] = set()
    todo: deque[tuple[str, Any]] = deque(roots.items())
    while todo:
        path, value = todo.popleft()
        if isinstance(value, _LEAVES) or id(value) in seen or path.count("[]") > 6:
            continue
        seen.add(id(value))
        if isinstance(value, _CONTAINERS):
            found[path] += len(value)
        todo.extend((f"{path}{step}", each) for step, each in _parts(value))
    return found


def module_values(package: str) -> dict[str, Any]:
    """The containers and cached functions at the top of every loaded module of a package."""
    return {
        f"{name.removeprefix(package + '.')}:{variable}": value
        for name, module in list(sys.modules.items())
        if name.startswith(package)
        for variable, value in list(vars(module).items())
        if isinstance(value, _CONTAINERS) and not variable.startswith("__")
    }


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """The elements or attributes of a value, each with its step of the path."""
    if isinstance(value, Mapping):
        yield from (("[]", each) for pair in list(value.items()) for each in pair)
    elif isinstance(value, _CONTAINERS):
        yield from (("[]", each) for each in list(value))
    elif isinstance(value, MethodType):
        yield "", value.__self__
    else:
        yield from ((f".{name}", each) for name, each in _attributes(value))


def _attributes(value: Any) -> Iterable[tuple[str, Any]]:
    slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    names = [*getattr(value, "__dict__", ()), *slots, *getattr(type(value), "__struct_fields__", ())]
    for name in dict.fromkeys(names):
        try:
            yield name, getattr(value, name)
        except AttributeError:  # a slot that is not set
            continue
