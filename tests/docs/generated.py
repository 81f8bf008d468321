"""The parts of the documentation that are made from the code: between ``<!-- NAME -->`` and ``<!-- end -->``."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import autumn_mock.docs
from autumn_mock.docs import TOPICS
from tests.docs import answers, bodies, messages, objects, recipes, reference

FOLDER = Path(autumn_mock.docs.__file__).parent
README = Path(autumn_mock.__file__).parents[1] / "README.md"
#: Every file that has such parts, or examples.
FILES = {"README": README, **{name: FOLDER / f"{name}.md" for name in TOPICS}}
_PART = re.compile(r"^<!-- ([a-z-]+) -->\n.*?^<!-- end -->\n", re.DOTALL | re.MULTILINE)

#: The parts by name.
PARTS: dict[str, Callable[[], str]] = {
    "settings": reference.settings,
    "fault-kinds": reference.fault_kinds,
    "fault-options": reference.fault_options,
    "rule-error": answers.rule_error,
    "finding-kinds": reference.finding_kinds,
    "webhook-types": reference.webhook_types,
    "scenarios": reference.scenarios,
    "worlds": reference.worlds,
    "world-error": answers.world_error,
    "pages": reference.pages,
    "calls": reference.calls,
    "calls-not-served": reference.calls_not_served,
    "commands": reference.commands,
    "command-help": reference.command_help,
    "bodies": bodies.reference,
    "certify-result": objects.result_of_certify,
    "fixture": objects.reference,
    "fidelity": reference.fidelity,
    "support": reference.support,
    "known-differences": reference.known_differences,
    "error-codes": messages.error_codes,
    "setting-errors": messages.setting_errors,
    "start-errors": messages.start_errors,
    "database-errors": messages.database_errors,
    "command-errors": messages.command_errors,
    **{f"recipe-{name}": partial(recipes.recipe, name) for name in recipes.NAMES},
    **{f"answer-{name}": partial(answers.answer, name) for name in answers.NAMES},
}


def filled(text: str) -> str:
    """A page with its generated parts as the code has them now."""
    return _PART.sub(lambda found: f"<!-- {found[1]} -->\n\n{_part(found[1])}\n<!-- end -->\n", text)


def names(text: str) -> list[str]:
    """The names of the generated parts of a page."""
    return _PART.findall(text)


@cache
def _part(name: str) -> str:
    return PARTS[name]()
