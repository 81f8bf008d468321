"""A command to run under ``exec``: performs its words one after the other.

Results are printed as lines of JSON.

    batch=VALUE     send one use of cus_456's messages: the status
    unmarked=VALUE  the same without a timestamp
    again           send the same body once more: the status
    balance         what cus_456 has left, once the queue is empty
    key=KEY         use another key from now on
    open            open an organisation, and use its key from now on
    close           delete the organisation of the key
    reset           reset the server
    env             all variables
    pid             the number of this process
    url             the URL of the server
    exists=PATH     the text of a file, or null
    await=SIGNAL    print "ready", wait for a signal, print how often it was received
    listen          wait for a line on standard input, or its end
    kill=SIGNAL     send itself a signal
    exit=CODE       end
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

#: Seconds to wait for a second signal.
TWICE = 0.25

last = b""


def say(what: object) -> None:
    print(json.dumps(what), flush=True)


def post(path: str, body: bytes, method: str = "POST") -> tuple[int, bytes]:
    address = urlsplit(os.environ["AUTUMN_MOCK_URL"])
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
    head = {"authorization": f"Bearer {os.environ['AUTUMN_SECRET_KEY']}", "x-api-version": "2.3.0"}
    connection.request(method, path, body, head)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


def batch(value: str) -> None:
    global last
    last = json.dumps(
        [{"customer_id": "cus_456", "feature_id": "messages", "value": float(value), "timestamp": 1_700_000_000_000}]
    ).encode()
    again("")


def unmarked(value: str) -> None:
    global last
    last = json.dumps([{"customer_id": "cus_456", "feature_id": "messages", "value": float(value)}]).encode()
    again("")


def open_organisation(name: str) -> None:
    body = json.dumps({"name": name} if name else {}).encode()
    os.environ["AUTUMN_SECRET_KEY"] = json.loads(post("/_mock/organisations", body)[1])["key"]


def close_organisation(_: str) -> None:
    say(post("/_mock/organisations", b"", "DELETE")[0])


def reset(_: str) -> None:
    say(post("/_mock/reset", b"{}")[0])


def again(_: str) -> None:
    say(post("/v1/balances.batch_track", last)[0])


def balance(_: str) -> None:
    post("/_mock/drain", b'{"timeout": 30}')
    customer = json.loads(post("/v1/customers.get", b'{"customer_id": "cus_456"}')[1])
    say(customer["balances"]["messages"]["remaining"])


def await_signal(name: str) -> None:
    wanted = {signal.Signals[name]}
    signal.pthread_sigmask(signal.SIG_BLOCK, wanted)
    print("ready", flush=True)
    signal.sigwait(wanted)
    count = 1
    while signal.sigtimedwait(wanted, TWICE) is not None:
        count += 1
    say(count)


def be(key: str) -> None:
    os.environ["AUTUMN_SECRET_KEY"] = key


WORDS: dict[str, Callable[[str], object]] = {
    "batch": batch,
    "unmarked": unmarked,
    "again": again,
    "open": open_organisation,
    "close": close_organisation,
    "reset": reset,
    "balance": balance,
    "key": be,
    "env": lambda _: say(dict(os.environ)),
    "pid": lambda _: say(os.getpid()),
    "url": lambda _: say(os.environ["AUTUMN_MOCK_URL"]),
    "exists": lambda path: say(Path(path).read_text("utf-8") if Path(path).exists() else None),
    "await": await_signal,
    "listen": lambda _: sys.stdin.readline(),
    "kill": lambda name: os.kill(os.getpid(), signal.Signals[name]),
    "exit": lambda code: sys.exit(int(code)),
}

for word in sys.argv[1:]:
    what, _, value = word.partition("=")
    WORDS[what](value)
