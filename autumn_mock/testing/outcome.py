"""One line about a run: what was lost, charged too often or given away, and which requests matched nothing.

And warnings: a run without findings proves nothing when no request arrived, or when a failure was not met.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from autumn_mock.counting import count_of
from autumn_mock.engine import Engine
from autumn_mock.journal.finding import Finding
from autumn_mock.journal.requests import RequestEntry
from autumn_mock.journal.wording import listed

_LOST = ("not_resent_after_503", "not_resent_after_429", "lost_after_accepted", "unknown_route")
_TOO_MUCH = ("resent_after_accepted", "resent_after_lost_reply", "bought_again_after_lost_reply")
_GIVEN_AWAY = ("used_before_paid",)
#: The calls of ``atmn push``, by the beginning of their names.
_CATALOGUE = (
    "catalog",
    "features.",
    "plans.",
    "products",
    "rewards.",
    "referral_programs.",
    "organization",
    "migrations",
)


def outcome_line(findings: Sequence[Finding], entries: Iterable[RequestEntry]) -> str | None:
    """The line; None when nothing was lost and every request matched a route and a key."""
    parts = []
    for title, codes in (("lost", _LOST), ("charged too often", _TOO_MUCH), ("given away", _GIVEN_AWAY)):
        for doubt, certain in (("", True), ("probably ", False)):
            amounts: dict[str, float] = {}
            for each in findings:
                if each.code in codes and each.certain is certain:
                    for name, amount in each.amounts.items():
                        amounts[name] = round(amounts.get(name, 0.0) + amount, 10)
            if amounts:
                parts.append(f"{doubt}{title}: {listed(amounts)}")
    routes = {f"{each.method} {each.path}": None for each in entries if not each.call and each.service_status == 401}
    if routes:
        parts.append(f"no such route: {', '.join(list(routes)[:3])}{' …' if len(routes) > 3 else ''}")
    wrong = sum(each.unknown_key is not None for each in entries)
    if wrong:
        parts.append(f"with an unknown key: {count_of(wrong, 'request')}")
    return "; ".join(parts) or None


def run_warnings(emulator: Engine) -> list[str]:
    """Why a run proves less than it seems to: no request, or none but those of a catalogue, reached the server, or an
    armed rule never fired."""
    found, kept = [], emulator.journal.entries()
    if not emulator.journal.count:
        found.append("0 requests reached the server: does the client use the address in AUTUMN_MOCK_URL?")
    elif len(kept) == emulator.journal.count and all(each.call.startswith(_CATALOGUE) for each in kept):
        found.append("only requests about the catalogue reached the server: was it pushed, and nothing tested?")
    fired = emulator.boards.fired()
    armed = dict.fromkeys([*(rule.text for rule in emulator.first_faults), *fired])
    return [*found, *(f"rule never fired: {text}" for text in armed if not fired[text])]
