"""Masks secrets in what the journal shows: keys, tokens, cookies, passwords, webhook secrets."""

from __future__ import annotations

import re

from autumn_mock.domain.organisation import shown_key

#: Stands for a value of which nothing is shown.
MASK = "***"
#: In names of headers, fields and parameters. Numbers of tokens, and idempotency keys, are no secrets.
_NAMES = r"authorization|cookie|secret|password|signature|token\b|api[-_]?key"
_SECRET_NAME = re.compile(_NAMES, re.IGNORECASE)
_KEY = re.compile(r"\bam_(?:sk|pk|oauth|jwt)_[A-Za-z0-9_.-]+\**")  # or one that is masked already
_WEBHOOK_SECRET = re.compile(r"\bwhsec_[A-Za-z0-9+/=]+")
_FIELD = re.compile(rf'("[^"\\]{{0,60}}(?:{_NAMES})(?:_?key)?"\s*:\s*")(?:[^"\\]|\\.)+', re.IGNORECASE)
_PARAMETER = re.compile(rf"((?:^|[?&])[^=&]{{0,60}}(?:{_NAMES})(?:_?key)?=)[^&]+", re.IGNORECASE)


def masked(text: str) -> str:
    """A body without the secrets in it. A key is recognised anywhere, other secrets by the name of their field."""
    text = _KEY.sub(lambda found: shown_key(found[0]), text)
    text = _WEBHOOK_SECRET.sub(f"whsec_{MASK}", text)
    return _FIELD.sub(lambda found: found[0] if _is_masked(found[0]) else f"{found[1]}{MASK}", text)


def masked_query(query: str) -> str:
    """A query string without the secrets in it."""
    return _PARAMETER.sub(lambda found: f"{found[1]}{MASK}", masked(query))


def masked_header(name: str, value: str) -> str:
    """The value of a header; of a secret one the scheme and the beginning of Autumn's own key."""
    if not _SECRET_NAME.search(name):
        return masked(value)
    scheme, _, token = value.rpartition(" ")
    shown = masked(token) if _KEY.fullmatch(token) else MASK
    return f"{scheme} {shown}" if scheme.isalpha() else shown


def _is_masked(field: str) -> bool:
    return field.endswith("*")
