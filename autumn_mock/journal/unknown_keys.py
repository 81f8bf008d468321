"""Requests whose secret key opens no organisation: the commonest reason why a client sees nothing work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from autumn_mock.counting import count_of
from autumn_mock.operations.errors import UNKNOWN_KEY

#: Keys that a sentence names.
MAX_KEYS = 5


def unknown_key(org: str, message: str | None) -> str | None:
    """The masked secret key of a request of no organisation, by its error; None for any other request."""
    is_unknown = not org and message is not None and message.startswith(UNKNOWN_KEY)
    return message[len(UNKNOWN_KEY) :] if is_unknown and message is not None else None


def unknown_keys_text(keys: Mapping[str, int]) -> str:
    """A sentence about requests with unknown keys: masked keys, and how many requests used each."""
    counts = Counter(keys)
    count, more = counts.total(), len(counts) - MAX_KEYS
    named = ", ".join(key for key, _ in counts.most_common(MAX_KEYS)) + (f" and {more} more" if more > 0 else "")
    return f"{count_of(count, 'request')} used a key that opens no organisation: {named}"
