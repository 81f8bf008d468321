"""The rule for customer ids, measured on the real server.

Only the customers.* calls ask for it: track, check and the like take any string as a customer id.
"""

from __future__ import annotations

import re

from autumn_mock.wire.schema import Schema, nullable, string

_ALLOWED = re.compile(r"[a-zA-Z0-9_:-]+")
_OTHER = re.compile(r"[^a-zA-Z0-9_:-]")
_ADVICE = "Use only letters, numbers, underscores, hyphens, and colons."


def _refusal(value: str) -> str:
    if not value:
        return "can't be an empty string"
    for character, name in (("@", "@ symbol"), (" ", "spaces"), (".", "periods")):
        if character in value:
            return f"cannot contain {name}. {_ADVICE}"
    found = _OTHER.search(value)
    return f"cannot contain '{found[0] if found else ''}'. {_ADVICE}"


#: Letters, digits, underscores, hyphens and colons, as many as you like.
CUSTOMER_ID: Schema[str] = string().refine(lambda value: _ALLOWED.fullmatch(value) is not None, _refusal)

#: The same, or null for a customer that is only known by email.
CUSTOMER_ID_OR_NULL: Schema[str | None] = nullable(CUSTOMER_ID)
