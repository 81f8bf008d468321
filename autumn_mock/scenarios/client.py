"""The client of a scenario: it sends the requests of a step, with the step's timeout and retries."""

from __future__ import annotations

import email.utils
import json
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
from msgspec import UNSET

from autumn_mock.clock import stopwatch
from autumn_mock.control_client import ServerUnreachable
from autumn_mock.scenarios.events import ReplyReceived, Waited
from autumn_mock.scenarios.model import Retry, Send, SendBatch, request_of
from autumn_mock.scenarios.target import ScenarioTarget
from autumn_mock.scenarios.template import fill
from autumn_mock.scenarios.values import Failure

_FAULT_HEADER = "x-autumn-mock-fault"


def send(target: ScenarioTarget, action: Send, now: int) -> Iterator[ReplyReceived | Waited]:
    """Make the calls of a step one after the other; ``now`` (ms) is for placeholders.

    A retry sends the same bytes again. Raises :class:`~autumn_mock.control_client.ServerUnreachable`.
    """
    for call in range(1, action.count + 1):
        content = _content(action, now, call)
        number = 1
        while True:
            attempt = _attempt(target, action, content, call, number)
            yield attempt
            retry = action.retry
            if retry is None or attempt.outcome not in retry.on or number > retry.times:
                break
            length = _retry_delay(target, retry, attempt)
            if length:
                target.wait(length)
                yield Waited(length=length, was_asked=retry.wait is None, on_clock=target.frozen)
            number += 1


def _content(action: Send, now: int, call: int) -> bytes | None:
    body = request_of(action).body
    if body is UNSET:
        return None
    if isinstance(action, SendBatch):
        first = (call - 1) * action.repeat + 1
        filled = [item for number in range(first, first + action.repeat) for item in fill(body, now, number)]
    else:
        filled = fill(body, now, call)
    return json.dumps(filled, ensure_ascii=False).encode()


def _attempt(target: ScenarioTarget, action: Send, content: bytes | None, call: int, number: int) -> ReplyReceived:
    sent = {} if content is None else {"content-type": "application/json"}
    if action.with_fault is not None:
        sent[_FAULT_HEADER] = action.with_fault
    started = stopwatch()
    status: int | None = None
    headers: Mapping[str, str] = {}
    body: Any = None
    failure: Failure | None = None
    method, path, _ = request_of(action)
    try:
        timeout = action.timeout / 1000
        with target.control.http.stream(method, path, content=content, headers=sent, timeout=timeout) as reply:
            status = reply.status_code
            headers = dict(reply.headers)
            reply.read()
            body = _decoded(reply)
    except httpx.ConnectError:
        raise ServerUnreachable(f"the server at {target.control.url} stopped during the scenario") from None
    except httpx.TimeoutException:
        failure = "timeout"
    except httpx.RequestError:
        failure = "reset" if status is None else "truncated"
    outcome = failure or status
    if failure == "timeout" and action.timeout_is is not None:
        outcome = action.timeout_is
    assert outcome is not None  # without a status there is a failure
    return ReplyReceived(
        call=call,
        number=number,
        outcome=outcome,
        failure=failure,
        body=body,
        headers=headers,
        took=round((stopwatch() - started) * 1000, 1),
    )


def _decoded(reply: httpx.Response) -> Any:
    try:
        return reply.json()
    except ValueError:
        return reply.text


def _retry_delay(target: ScenarioTarget, retry: Retry, attempt: ReplyReceived) -> int:
    """How long to wait before the next attempt, in ms."""
    if retry.wait is not None:
        return retry.wait
    asked = attempt.headers.get("retry-after", "0")
    if asked.isdigit():
        return int(asked) * 1000
    moment = email.utils.parsedate_to_datetime(asked)
    return max(round(moment.timestamp() * 1000) - target.now(), 0)
