"""The source of the project, parsed once for all tests that read it."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path


@cache
def nodes_of(path: Path) -> tuple[ast.AST, ...]:
    """Every node of a module."""
    return tuple(ast.walk(ast.parse(path.read_text("utf-8"))))


def module_imports(path: Path, package: str) -> set[str]:
    """The modules of ``package`` that a file imports when it is loaded; not what its functions import."""
    names = []
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            names += [f"{node.module}.{each.name}" for each in node.names]
    within = [name.removeprefix(f"{package}.") for name in names if name.startswith(f"{package}.")]
    return {name.partition(".")[0] for name in within}
