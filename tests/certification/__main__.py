"""Make the report cards: ``python -m tests.certification`` runs the suite on every release and writes the page."""

from __future__ import annotations

import logging

from tests.certification.cards import CONFIGURATIONS, PAGE, RELEASES, make, page


def main() -> None:
    logging.getLogger("waitress").addHandler(logging.NullHandler())
    cards = {}
    for release in RELEASES:
        for name in CONFIGURATIONS:
            cards[release.name, name] = make(release, name)
            print(f"{release.name}, {name}: {cards[release.name, name].summary}", flush=True)
    PAGE.write_text(page(cards), "utf-8")


if __name__ == "__main__":
    main()
