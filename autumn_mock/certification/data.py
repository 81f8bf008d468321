"""The result of a run as JSON: ``certify --json`` and ``--report FILE.json``. Its fields are public."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from autumn_mock.certification.model import CaseLevel
from autumn_mock.certification.requests import JournalRow, request_story
from autumn_mock.certification.results import CaseResult, Certificate, Instruction, StoryLine, Verdict


class StepData(Struct, frozen=True, kw_only=True):
    """A step of a case, and what happened in it."""

    #: Its number in the case, from 1.
    number: int
    #: Its line in the file of the case.
    line: int
    #: What the file says about it.
    say: str
    #: When it began, in ms since the case did.
    at_ms: float
    #: What the client was asked to do, and its answers.
    instructions: tuple[Instruction, ...]
    #: All that happened, as it is printed; expectations have the label ``ok`` or ``FAIL``.
    lines: tuple[StoryLine, ...]


class RequestData(Struct, frozen=True, kw_only=True):
    """A request that the client sent, and the reply."""

    #: When it arrived, in ms since the case began, by the organisation's clock, which a step may move.
    at_ms: float
    #: ``POST``, ``GET`` ...
    method: str
    #: Without the query.
    path: str
    #: The name of the call; empty for a route that does not exist.
    call: str
    #: The headers, by their lower-case names; secrets are masked.
    headers: dict[str, str]
    #: The body: JSON, or text when it is not JSON or was cut; null without one.
    body: Any
    #: How many items it has, if it is queued.
    items: int | None
    #: The status that the client received; null without a whole reply.
    status: int | None
    #: The status that the service decided; null when a fault replied in its place.
    service_status: int | None
    #: The body of the reply, as the one of the request.
    reply: Any
    #: The seconds of the reply's ``Retry-After``.
    retry_after_s: float | None
    #: How long the reply took, in ms.
    took_ms: float
    #: The rules that were triggered.
    faults: tuple[str, ...]
    #: The same in one line, as it is printed.
    text: str


class ChargeData(Struct, frozen=True, kw_only=True):
    """An amount of a feature, in its units or credits."""

    #: The customer's id.
    customer: str
    #: The feature's id.
    feature: str
    #: In units of the feature, or credits.
    amount: float


class CaseData(Struct, frozen=True, kw_only=True):
    """The result of one case."""

    #: As ``--case`` takes it.
    name: str
    #: What happens in it.
    title: str
    #: The heading in the report.
    group: str
    #: ``must``, ``should`` or ``may``.
    level: CaseLevel
    #: Why it matters.
    reason: str
    #: What the service charges for what the case asks.
    charged_by_service: tuple[ChargeData, ...]
    #: ``passed``, ``failed`` or ``skipped``: the client has no such call.
    verdict: Verdict
    #: The expectations that were not met; why the case was skipped.
    problems: tuple[str, ...]
    #: How long it took, in ms.
    took_ms: float
    #: What the client did, in few words, without repetitions: ``returned``, ``raised 503``.
    answers: tuple[str, ...]
    #: What was charged.
    charged: tuple[ChargeData, ...]
    #: The codes of the findings.
    findings: tuple[str, ...]
    #: What was done, in order.
    steps: tuple[StepData, ...]
    #: All requests of the client, in the order in which they were completed.
    requests: tuple[RequestData, ...]
    #: The last lines that the adapter printed on standard error.
    stderr: tuple[str, ...]


class CertificateData(Struct, frozen=True, kw_only=True):
    """The result of a run."""

    #: The client, as its adapter names it.
    client: str
    #: Its version.
    client_version: str
    #: What ``--set`` gave.
    settings: dict[str, Any]
    #: The version of this program.
    autumn_mock_version: str
    #: The day, as ISO 8601.
    date: str
    #: The passed cases by level: ``must 20/21, should 9/12``; skipped ones are not counted.
    summary: str
    #: The results, in the order of the suite.
    cases: tuple[CaseData, ...]


def as_data(certificate: Certificate) -> CertificateData:
    """The result with all stories."""
    return CertificateData(
        client=certificate.client.client,
        client_version=certificate.client.version,
        settings=dict(certificate.settings),
        autumn_mock_version=certificate.version,
        date=certificate.date,
        summary=certificate.summary,
        cases=tuple(map(_case, certificate.results)),
    )


def _case(result: CaseResult) -> CaseData:
    case = result.case
    return CaseData(
        name=case.name,
        title=case.title,
        group=case.group,
        level=case.level,
        reason=case.reason,
        charged_by_service=tuple(msgspec.convert(msgspec.to_builtins(case.charged), list[ChargeData])),
        verdict=result.verdict,
        problems=tuple(result.problems),
        took_ms=result.took,
        answers=result.answers,
        charged=tuple(
            ChargeData(customer=customer, feature=feature, amount=amount)
            for (customer, feature), amount in result.charged.items()
        ),
        findings=tuple(each["code"] for each in result.findings),
        steps=tuple(
            StepData(
                number=step.number,
                line=step.line,
                say=step.say,
                at_ms=step.at_ms,
                instructions=step.instructions,
                lines=step.lines,
            )
            for step in result.steps
        ),
        requests=tuple(_request(row, result.began) for row in result.requests),
        stderr=result.errors,
    )


def _request(row: JournalRow, began: int) -> RequestData:
    headers: Mapping[str, str] = row.get("request_headers") or {}
    return RequestData(
        at_ms=row["at"] - began,
        method=row["method"],
        path=row["path"],
        call=row["call"],
        headers={name.lower(): value for name, value in headers.items()},
        body=_content(row.get("request_body")),
        items=row["items"],
        status=None if row["reply"] == "lost" else row["status"],
        service_status=row["service_status"],
        reply=None if row["reply"] == "lost" else _content(row.get("reply_body")),
        retry_after_s=row["retry_after"],
        took_ms=row["duration_ms"],
        faults=tuple(row["faults"]),
        text=request_story(row),
    )


def _content(text: str | None) -> Any:
    """A body as JSON, or as the text that it is."""
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text
