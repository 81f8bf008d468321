"""The client of a scenario: it sends what a step says, is as patient as the step says, and tries again as it says."""

from __future__ import annotations

import email.utils
import json
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
from msgspec import UNSET

from autumn_mock.clock import stopwatch
from autumn_mock.scenarios.events import ReplyReceived, Waited
from autumn_mock.scenarios.model import Failure, Outcome, Retry, Send
from autumn_mock.scenarios.target import ScenarioTarget, TargetError
from autumn_mock.scenarios.template import fill

_FAULT_HEADER = "x-autumn-mock-fault"


def send(stage: ScenarioTarget, step: Send, now: int) -> Iterator[ReplyReceived | Waited]:
    """Make the calls of a step one after the other; ``now`` (ms) fills its bodies in.

    A client that tries again sends the same bytes again. Raises :class:`TargetError` when the server is gone.
    """
    for call in range(1, step.count + 1):
        content = _content(step, now, call)
        number = 1
        while True:
            attempt = _attempt(stage, step, content, call, number)
            yield attempt
            retry = step.retry
            if retry is None or attempt.outcome not in retry.on or number > retry.times:
                break
            length = _pause(stage, retry, attempt)
            if length:
                stage.wait(length)
                yield Waited(length=length, was_asked=retry.wait is None, on_clock=stage.frozen)
            number += 1


def _content(step: Send, now: int, call: int) -> bytes | None:
    if step.body is UNSET:
        return None
    if step.verb == "batch":
        first = (call - 1) * step.repeat + 1
        body = [item for number in range(first, first + step.repeat) for item in fill(step.body, now, number)]
    else:
        body = fill(step.body, now, call)
    return json.dumps(body, ensure_ascii=False).encode()


def _attempt(stage: ScenarioTarget, step: Send, content: bytes | None, call: int, number: int) -> ReplyReceived:
    sent = {} if content is None else {"content-type": "application/json"}
    if step.with_fault is not None:
        sent[_FAULT_HEADER] = step.with_fault
    started = stopwatch()
    status: int | None = None
    headers: Mapping[str, str] = {}
    body: Any = None
    failure: Failure | None = None
    try:
        timeout = step.timeout / 1000
        with stage.http.stream(step.method, step.path, content=content, headers=sent, timeout=timeout) as reply:
            status = reply.status_code
            headers = dict(reply.headers)
            reply.read()
            body = _decoded(reply)
    except httpx.ConnectError:
        raise TargetError(f"nobody answers at {stage.url} any more") from None
    except httpx.TimeoutException:
        failure = "timeout"
    except httpx.RequestError:
        failure = "reset" if status is None else "truncated"
    outcome: Outcome | None = failure or status
    if failure == "timeout" and step.timeout_is is not None:
        outcome = step.timeout_is
    assert outcome is not None  # what has no status has failed
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


def _pause(stage: ScenarioTarget, retry: Retry, attempt: ReplyReceived) -> int:
    """How long to wait before the next try, in ms."""
    if retry.wait is not None:
        return retry.wait
    asked = attempt.headers.get("retry-after", "0")
    if asked.isdigit():
        return int(asked) * 1000
    moment = email.utils.parsedate_to_datetime(asked)
    return max(round(moment.timestamp() * 1000) - stage.now(), 0)
