"""The picture of the page: ``python -m tests.docs.screenshot`` makes it again."""

from __future__ import annotations

from pathlib import Path

from tests.docs.generated import FOLDER
from tests.support.browser import chromium, open_page
from tests.support.client import BATCH, Client
from tests.support.server import ServerProcess

PICTURE = FOLDER / "page.png"
#: It is in every copy of the package.
MOST_BYTES = 150_000
_WIDTH = 1100


def take(path: Path) -> None:
    """Write the picture: a server with some traffic, of which a part failed."""
    with ServerProcess("--rate-limit", "off") as server, chromium() as browser:
        client = Client(server.url)
        with open_page(browser, server.url, width=_WIDTH) as page:
            for number in range(40):
                failing = {"x_autumn_mock_fault": "enqueue:fail items=1"} if number % 8 == 3 else {}
                items = [
                    {"customer_id": customer, "feature_id": "messages", "value": 1, "properties": {"n": number}}
                    for customer in ("cus_123", "cus_456", "cus_unknown")[: 2 + (number % 13 == 5)]
                ]
                client.post(BATCH, items, **failing)
                page.wait_for_timeout(60)
            client.post(BATCH, items)
            client.drain(key=None)
            page.wait_for_timeout(1000)
            page.screenshot(path=path, animations="disabled")


if __name__ == "__main__":
    take(PICTURE)
