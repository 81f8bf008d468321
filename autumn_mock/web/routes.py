"""Routes whose addresses are hardly ever made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from werkzeug.routing import Rule


class Route(Rule):
    """A rule that learns how to make its address when somebody asks for it first.

    Werkzeug compiles two functions for each rule as it is added, which took a seventh of the server's start; nobody
    asks a server without pages for the address of a view.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        compile_now = super()._compile_builder

        def build(rule: Route, **values: Any) -> tuple[str, str]:
            made: tuple[str, str] = compile_now(append_unknown).__get__(rule, None)(**values)
            return made

        return build
