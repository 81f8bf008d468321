"""Delivering to one endpoint."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from svix.webhooks import Webhook, WebhookVerificationError

from autumn_mock.clock import wall_clock
from autumn_mock.domain.webhook import DEFAULT_SECRET, WebhookEndpoint
from autumn_mock.webhooks.journal import WebhookDelivery, WebhookJournal
from autumn_mock.webhooks.sender import Sender, sign
from tests.webhooks.receiver import TIMEOUT, Receiver, free_port

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Post:
    """A journal and the senders made for it."""

    def __init__(self) -> None:
        self.journal = WebhookJournal()
        self._senders: list[Sender] = []

    def sender(self, url: str, *, secret: str = DEFAULT_SECRET, **options: Any) -> Sender:
        options.setdefault("retry_after", (0.01, 0.01))
        sender = Sender(WebhookEndpoint(url, secret), self.journal, **options)
        self._senders.append(sender)
        return sender

    def settled(self) -> list[dict[str, Any]]:
        """All deliveries, once none of them is pending."""
        journal = self.journal
        with journal._changed:
            done = journal._changed.wait_for(
                lambda: all(each.status != "pending" for each in journal._entries), TIMEOUT
            )
        assert done, journal.entries()
        return self.journal.entries()

    def stop(self) -> None:
        for sender in self._senders:
            sender.stop()


@pytest.fixture
def post() -> Iterator[Post]:
    post = Post()
    yield post
    post.stop()


def delivery(message_id: str = "msg_1", org: str = "org", env: str = "sandbox", **data: Any) -> WebhookDelivery:
    kind: Any = "balances.limit_reached"
    payload = {"type": kind, "data": data or {"customer_id": "cus_1"}}
    return WebhookDelivery(id=message_id, at=0, org=org, env=env, type=kind, endpoint="http://x", payload=payload)


def test_a_message_verifies_with_the_library_of_svix(post: Post) -> None:
    with Receiver() as receiver:
        post.sender(receiver.url, secret=SECRET).put(delivery(customer_id="é"))
        received = receiver.get()
    assert received.verify(SECRET) == {"type": "balances.limit_reached", "data": {"customer_id": "é"}}
    assert received.path == "/hooks?from=autumn"
    assert received.headers["svix-id"] == "msg_1"
    assert received.headers["content-type"] == "application/json"
    assert abs(int(received.headers["svix-timestamp"]) - wall_clock() / 1000) < TIMEOUT
    with pytest.raises(WebhookVerificationError):
        received.verify()


def test_the_signature_is_the_one_of_svix() -> None:
    body = b'{"test": 2432232314}'
    assert sign(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body) == (
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )
    Webhook(DEFAULT_SECRET)  # which reads it


def test_sender_delivers_at_once(post: Post) -> None:
    with Receiver() as receiver:
        post.sender(receiver.url).put(delivery())
        assert post.journal.wait_attempted(TIMEOUT)
    [entry] = post.journal.entries()
    assert entry == {
        "id": "msg_1",
        "at": 0,
        "org": "org",
        "env": "sandbox",
        "type": "balances.limit_reached",
        "endpoint": "http://x",
        "payload": {"type": "balances.limit_reached", "data": {"customer_id": "cus_1"}},
        "cause": "",
        "status": "delivered",
        "attempts": 1,
        "http_status": 204,
        "error": None,
    }


def test_sender_retries_with_the_same_id(post: Post) -> None:
    with Receiver([500, 302]) as receiver:
        post.sender(receiver.url).put(delivery())
        received = receiver.take(3)
        [entry] = post.settled()
    assert {each.headers["svix-id"] for each in received} == {"msg_1"}
    assert all(each.verify() for each in received)
    assert (entry["status"], entry["attempts"], entry["http_status"], entry["error"]) == ("delivered", 3, 204, None)


def test_sender_fails_after_the_last_retry(post: Post) -> None:
    with Receiver([500, 404, 503]) as receiver:
        post.sender(receiver.url).put(delivery())
        [entry] = post.settled()
    assert (entry["status"], entry["attempts"]) == ("failed", 3)
    assert (entry["http_status"], entry["error"]) == (503, "answered 503")


def test_sender_retries_a_refused_connection(post: Post) -> None:
    port = free_port()
    post.sender(f"http://127.0.0.1:{port}/hooks", retry_after=(0.01,) * 500).put(delivery())
    assert post.journal.wait_attempted(TIMEOUT)
    [entry] = post.journal.entries()
    assert (entry["status"], entry["http_status"]) == ("pending", None)
    assert "refused" in entry["error"].lower()
    with Receiver(port=port) as receiver:
        assert receiver.get().verify()
        [entry] = post.settled()
    assert (entry["status"], entry["http_status"], entry["error"]) == ("delivered", 204, None)


def test_sender_sends_later_messages_before_a_retry(post: Post) -> None:
    with Receiver([500]) as receiver:
        sender = post.sender(receiver.url, retry_after=(60,))
        sender.put(delivery("msg_1"))
        sender.put(delivery("msg_2"))
        assert [each.headers["svix-id"] for each in receiver.take(2)] == ["msg_1", "msg_2"]
        assert post.journal.wait_attempted(TIMEOUT)
        assert [each["status"] for each in post.journal.entries()] == ["pending", "delivered"]


def test_sender_times_out(post: Post) -> None:
    with Receiver(held=True) as receiver:
        post.sender(receiver.url, timeout=0.05, retry_after=()).put(delivery())
        [entry] = post.settled()
    assert (entry["status"], entry["http_status"]) == ("failed", None)
    assert "timed out" in entry["error"].lower()


#: What receivers send again and again, each time before a read times out, without ever completing a response.
DRIPS = {
    "status line": b"H",
    "100 Continue": b"HTTP/1.1 100 Continue\r\n\r\n",
    "a header": b"x",
    "headers": b"a: b\r\n",
}


@contextmanager
def dripping(name: str) -> Iterator[str]:
    """The URL of a receiver whose responses do not end. It takes one connection after the other."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, suppress(OSError):
                        connection.recv(65536)
                        connection.sendall(b"HTTP/1.1 200 OK\r\n" if "header" in name else b"")
                        while True:
                            connection.sendall(DRIPS[name])
                            time.sleep(0.02)

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(TIMEOUT)


@pytest.mark.parametrize("name", DRIPS)
def test_sender_ends_an_attempt_at_its_deadline_however_the_receiver_drips(post: Post, name: str) -> None:
    with dripping(name) as url:
        sender = post.sender(url, timeout=0.2, retry_after=())
        sender.put(delivery("msg_1"))
        sender.put(delivery("msg_2"))  # the thread goes on with the next one
        entries = post.settled()
    assert {(each["status"], each["http_status"]) for each in entries} == {("failed", None)}
    assert all("timed out" in each["error"] for each in entries) or name == "headers"  # or there are too many of them


@pytest.mark.parametrize("name", DRIPS)
def test_stop_interrupts_a_response_that_drips(name: str) -> None:
    post = Post()
    with dripping(name) as url:
        post.sender(url, timeout=TIMEOUT).put(delivery())
        time.sleep(0.1)
        started = time.monotonic()
        post.stop()
        assert time.monotonic() - started < TIMEOUT / 2


#: The beginning of a response, and what a receiver sends after it without end, as fast as it is taken.
FLOODS = {
    "a body of a terabyte": (b"HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\n\r\n", b"x" * 65_536),
    "chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"x" * 4096 + b"\r\n"),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n" * 8192),
    "one header": (b"HTTP/1.1 200 OK\r\nX-A: ", b"b" * 65_536),
    "random bytes": (b"", bytes(range(256)) * 256),
}


@pytest.mark.parametrize("name", FLOODS)
def test_sender_reads_little_of_a_response_without_end(post: Post, name: str) -> None:
    beginning, more = FLOODS[name]
    sent = 0
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def flood() -> None:
            nonlocal sent
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                connection.settimeout(TIMEOUT)
                connection.recv(65_536)
                connection.sendall(beginning)
                while sent < 1 << 30:
                    sent += connection.send(more)

        thread = threading.Thread(target=flood, daemon=True)
        thread.start()
        post.sender(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=2, retry_after=()).put(delivery())
        [entry] = post.settled()
        thread.join(TIMEOUT)
    assert not thread.is_alive()
    assert (entry["status"], entry["http_status"]) in {("delivered", 200), ("failed", None)}
    assert sent < 64 << 20


def test_sender_fails_on_an_invalid_response(post: Post) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def babble() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"hello\r\n\r\n")

        thread = threading.Thread(target=babble)
        thread.start()
        post.sender(f"http://127.0.0.1:{listener.getsockname()[1]}", retry_after=()).put(delivery())
        [entry] = post.settled()
        thread.join()
    assert (entry["status"], entry["error"]) == ("failed", "BadStatusLine: hello\r\n")


def test_sender_drops_messages_above_its_capacity(post: Post) -> None:
    with Receiver(held=True) as receiver:
        sender = post.sender(receiver.url, capacity=1)
        sender.put(delivery("msg_1"))
        receiver.get()  # is in flight, so it waits no more
        sender.put(delivery("msg_2"))
        sender.put(delivery("msg_3"))
        assert [each["status"] for each in post.journal.entries()] == ["pending", "pending", "dropped"]
        assert post.journal.entries()[2]["error"] == "1 messages were waiting already"
        receiver.let_go.set()
        assert receiver.get().headers["svix-id"] == "msg_2"
        assert post.journal.wait_attempted(TIMEOUT)


def test_clear_drops_waiting_messages_and_retries(post: Post) -> None:
    with Receiver([500], held=True) as receiver:
        sender = post.sender(receiver.url)
        sender.put(delivery("msg_1"))
        receiver.get()
        sender.put(delivery("msg_2"))
        sender.put(delivery("msg_3", env="live"))
        sender.clear("org", "sandbox")
        receiver.let_go.set()
        assert receiver.get().headers["svix-id"] == "msg_3"
        sender.put(delivery("msg_4"))
        assert receiver.get().headers["svix-id"] == "msg_4"  # and the first is not tried again before it
        assert receiver.is_empty


def test_stop_interrupts_a_request() -> None:
    post = Post()
    with Receiver(held=True) as receiver:
        post.sender(receiver.url, timeout=TIMEOUT).put(delivery())
        receiver.get()
        started = time.monotonic()
        post.stop()
        assert time.monotonic() - started < TIMEOUT / 2
    assert not any(each.name == "autumn-mock-webhooks" for each in threading.enumerate())


def test_a_sender_without_messages_has_no_thread(post: Post) -> None:
    before = threading.active_count()
    post.sender("http://127.0.0.1:1").stop()
    assert threading.active_count() == before


def test_the_journal_keeps_the_last_deliveries() -> None:
    journal = WebhookJournal(capacity=2)
    for number in range(3):
        journal.add(delivery(f"msg_{number}", env="sandbox" if number < 2 else "live"))
    assert [each["id"] for each in journal.entries()] == ["msg_1", "msg_2"]
    assert [each["id"] for each in journal.entries("org", "live")] == ["msg_2"]
    assert (journal.unattempted(), journal.unattempted("org", "live")) == (3, 1)
    assert not journal.wait_attempted(0)
    assert journal.clear("org", "sandbox") == 1
    assert journal.wait_attempted(0, "org", "sandbox")
    assert (len(journal), journal.clear()) == (1, 1)
    assert journal.wait_attempted(0)
