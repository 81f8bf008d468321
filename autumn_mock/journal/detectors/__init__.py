"""How each finding is recognised: detectors, which declare the codes of their findings.

To add a finding, add its texts to :data:`~autumn_mock.journal.finding_kinds.FINDING_KINDS`, and a detector to a module
of this package, or in a new one. It is declared by :func:`~autumn_mock.journal.finding.detects`, or by
:func:`~autumn_mock.journal.finding.detects_in_state` if it needs more than the requests.
"""

from __future__ import annotations

import importlib
import pkgutil


def load() -> None:
    """Import all modules of this package, so that their detectors are declared."""
    for info in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{info.name}")
