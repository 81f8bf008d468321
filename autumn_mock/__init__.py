"""autumn-mock: a local emulator of the Autumn billing API.

The public names are resolved on first use, so that ``autumn-mock --version`` and ``--help`` do not import Flask.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autumn_mock.testing.embedded import Emulator
    from autumn_mock.testing.mock import AutumnMock
    from autumn_mock.web import create_app

__all__ = ["AutumnMock", "Emulator", "__version__", "create_app"]
__version__ = "1.0.0"


def __getattr__(name: str) -> Any:
    if name == "Emulator":
        from autumn_mock.testing.embedded import Emulator

        return Emulator
    if name == "AutumnMock":
        from autumn_mock.testing.mock import AutumnMock

        return AutumnMock
    if name == "create_app":
        from autumn_mock.web import create_app

        return create_app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
