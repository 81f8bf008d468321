"""Clients whose host is fixed, under ``exec --proxy``: each prints what it got as a line of JSON."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import requests
from autumn_sdk import Autumn

URL = "https://api.useautumn.com/v1/check"
BODY = {"customer_id": "cus_123", "feature_id": "messages"}
HEAD = {"Authorization": f"Bearer {os.environ['AUTUMN_SECRET_KEY']}", "x-api-version": "2.3.0"}
RESET = {**HEAD, "x-autumn-mock-fault": "reply:reset"}
FILES = ("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def say(name: str, what: object) -> None:
    print(json.dumps([name, what]), flush=True)


def curl(*options: str) -> list[object]:
    """The exit code of curl, and the status of the reply."""
    words = ["curl", "-s", "-o", os.devnull, "-w", "%{http_code}", "-H", f"Authorization: {HEAD['Authorization']}"]
    done = subprocess.run([*words, *options], capture_output=True, text=True, check=False)
    return [done.returncode, int(done.stdout)]


def error_of(call: Callable[[], object]) -> str:
    """The name of the error that a call raises."""
    try:
        call()
    except Exception as error:
        return type(error).__name__
    return ""


def main() -> None:
    say("variables", dict(os.environ))
    say("certificates", {name: Path(os.environ[name]).read_text().count("BEGIN CERTIFICATE") for name in FILES})
    say("keys", any("PRIVATE KEY" in each.read_text() for each in Path(os.environ[FILES[0]]).parent.iterdir()))
    say("curl", curl(URL, "-d", json.dumps(BODY)))
    say("curl of another host", curl("https://other.example/"))
    say("httpx", httpx.post(URL, json=BODY, headers=HEAD).status_code)
    say("httpx, reset", error_of(lambda: httpx.post(URL, json=BODY, headers=RESET)))
    say("requests", requests.post(URL, json=BODY, headers=HEAD, timeout=30).status_code)
    with Autumn(secret_key=os.environ["AUTUMN_SECRET_KEY"]) as autumn:
        balance = autumn.check(customer_id="cus_123", feature_id="messages").balance
        say("autumn-sdk", balance.remaining if balance is not None else None)
        say("payment_url", autumn.billing.attach(customer_id="cus_456", plan_id="pro").payment_url)
    say("direct", httpx.get(f"{os.environ['AUTUMN_MOCK_URL']}/_mock/health").status_code)


if __name__ == "__main__":
    main()
