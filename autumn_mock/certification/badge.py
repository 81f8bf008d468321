"""A badge of the result: a small SVG image, as repositories show them."""

from __future__ import annotations

from html import escape

from autumn_mock.certification.results import Certificate

_LABEL = "autumn conformance"
#: The width of a character of 11 px, and the space on both sides of a text, in px.
_CHARACTER, _SPACE = 6.6, 10
_GREEN, _YELLOW, _RED, _GREY = "#2e7d32", "#a15c00", "#b3261e", "#555"


def badge(certificate: Certificate) -> str:
    """The SVG image: green if all cases passed, yellow if a case of should or may failed, red if one of must did."""
    text = certificate.summary
    colour = _RED if certificate.failed("must") else _YELLOW if certificate.failed() else _GREEN
    left, right = (round(len(part) * _CHARACTER + 2 * _SPACE) for part in (_LABEL, text))
    title = escape(f"{_LABEL}: {text}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" aria-label="{title}">'
        f"<title>{title}</title>"
        f'<rect width="{left}" height="20" fill="{_GREY}"/>'
        f'<rect x="{left}" width="{right}" height="20" fill="{colour}"/>'
        '<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
        f'<text x="{left / 2:g}" y="14">{_LABEL}</text>'
        f'<text x="{left + right / 2:g}" y="14">{escape(text)}</text>'
        "</g></svg>\n"
    )
