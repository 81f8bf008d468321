"""What is sent: worlds to send it to, bodies, and whole requests as bytes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.generator import SECOND
from tests.support.client import DEFAULT_KEY, DEFAULT_VERSION

BATCH = "/v1/balances.batch_track"
TRACK = "/v1/balances.track"
CHECK = "/v1/balances.check"
#: Items of a batch.
SIZE = 1000
#: Bytes of a batch: what other servers were measured with.
BATCH_BYTES = 112_801

_MODELS = ("s", "m", "l", "xl", "xxl")
_REGIONS = ("eu", "us", "ap")


def customer(number: int) -> str:
    """The id of a customer of :func:`write_world`."""
    return f"cus_{number}"


def properties(number: int) -> dict[str, str]:
    """The properties of an item."""
    return {"model": _MODELS[number % len(_MODELS)], "region": _REGIONS[number % len(_REGIONS)]}


def write_world(path: Path, customers: int) -> Path:
    """A world of customers with more messages than they use, reset each month."""
    grant = {"feature_id": "messages", "included_grant": 10**12, "reset": {"interval": "month"}}
    world = {
        "organisations": [
            {
                "id": "org_load",
                "slug": "load",
                "name": "Load",
                "keys": [DEFAULT_KEY],
                "sandbox": {
                    "features": [
                        {"feature_id": "messages", "name": "Messages", "type": "metered", "consumable": True},
                        {"feature_id": "calls", "name": "Calls", "type": "metered", "consumable": True},
                    ],
                    "customers": [
                        {"customer_id": customer(number), "balances": [grant]} for number in range(customers)
                    ],
                },
            }
        ]
    }
    path.write_text(json.dumps(world))
    return path


def batch_body(customers: int = 100) -> bytes:
    """1000 items for all customers in turn, a millisecond apart, of exactly :data:`BATCH_BYTES`.

    Their timestamps lie in one second, which the sender replaces by a present one.
    """
    items: list[dict[str, Any]] = [
        {
            "customer_id": customer(number % customers),
            "feature_id": "messages",
            "value": 1,
            "timestamp": int(SECOND) * 1000 + number,
            "properties": {"model": _MODELS[number % len(_MODELS)]},
        }
        for number in range(SIZE)
    ]
    missing = BATCH_BYTES - len(compact(items))
    assert missing >= 0, f"{-missing} bytes too many"
    for number, item in enumerate(items):  # longer names of models make up for the rest
        item["properties"]["model"] += "x" * (missing * (number + 1) // SIZE - missing * number // SIZE)
    body = compact(items)
    assert len(body) == BATCH_BYTES
    return body


def batches(customers: int = 100) -> list[bytes]:
    """The request with a batch."""
    return [http_request(BATCH, batch_body(customers))]


def tracks(customers: int = 100) -> list[bytes]:
    """Single tracks, one for each customer."""
    return [
        http_request(
            TRACK,
            compact(
                {
                    "customer_id": customer(number),
                    "feature_id": "messages",
                    "value": 1,
                    "properties": properties(number),
                }
            ),
        )
        for number in range(customers)
    ]


def checks(customers: int = 100) -> list[bytes]:
    """Checks that use nothing, one for each customer."""
    return [
        http_request(CHECK, compact({"customer_id": customer(number), "feature_id": "messages", "required_balance": 5}))
        for number in range(customers)
    ]


def compact(value: Any) -> bytes:
    """JSON as clients send it."""
    return json.dumps(value, separators=(",", ":")).encode()


def http_request(path: str, body: bytes | None = None) -> bytes:
    """A whole request: a POST when it has a body."""
    head = [
        f"{'GET' if body is None else 'POST'} {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "User-Agent: tests.benchmarks",
        "Accept: application/json",
        f"Authorization: Bearer {DEFAULT_KEY}",
        f"x-api-version: {DEFAULT_VERSION}",
    ]
    if body is not None:
        head += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*head, "", ""]).encode() + (body or b"")


def bytes_of(requests: Sequence[bytes]) -> int:
    """How long the body of the first request is."""
    return len(requests[0].partition(b"\r\n\r\n")[2])
