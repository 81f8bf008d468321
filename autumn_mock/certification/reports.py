"""The result of a run as a file: JUnit XML, JSON, Markdown, HTML, or the badge alone (SVG)."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from itertools import groupby
from pathlib import Path
from xml.etree import ElementTree

import msgspec

from autumn_mock.certification.badge import badge
from autumn_mock.certification.data import as_data
from autumn_mock.certification.model import CaseLevel
from autumn_mock.certification.requests import request_story
from autumn_mock.certification.results import CaseResult, Certificate
from autumn_mock.store.fileutil import write_output

#: Characters that XML does not allow, not even as character references.
_NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #ccc;padding:.3rem .6rem;"
    "text-align:left;vertical-align:top}.passed{color:#2e7d32}.failed{color:#b3261e;font-weight:bold}"
    ".skipped{color:#555}pre{overflow-x:auto;background:#f4f4f4;padding:.6rem}"
    "@media(prefers-color-scheme:dark){body{background:#161616;color:#e6e6e6}td,th{border-color:#444}"
    ".passed{color:#7ccf80}.failed{color:#ff8a80}.skipped{color:#aaa}pre{background:#222}}"
)


def story_lines(result: CaseResult) -> list[str]:
    """All that happened in a case, as lines of text."""
    case = result.case
    lines = [
        f"{case.name}: {case.title}",
        f"level {case.level}: {case.reason}",
        f"the service charges: {case.charge}",
    ]
    for step in result.steps:
        lines.append(f"{step.number:3} {step.say}".rstrip() if step.say else f"{step.number:3} line {step.line}")
        lines += [f"      {line.label:8} {text}" for line in step.lines for text in line.text.splitlines() or [""]]
    lines.append("requests" if result.requests else "no requests")
    lines += [f"      {request_story(row)}" for row in result.requests]
    charged = ", ".join(f"{amount:g} {feature} of {customer}" for (customer, feature), amount in result.charged.items())
    lines.append(f"charged: {charged or 'nothing'}")
    lines += [f"finding {each['code']}: {each['message']}" for each in result.findings]
    lines += [f"stderr: {line}" for line in result.errors]
    return lines


def _json(certificate: Certificate) -> bytes:
    return msgspec.json.format(msgspec.json.encode(as_data(certificate)), indent=2) + b"\n"


def _junit(certificate: Certificate, level: CaseLevel) -> bytes:
    """A failed case below ``level`` is skipped: the exit code is 0 then, and readers of the file have to agree."""
    results, failed = certificate.results, certificate.failed(level)
    suite = ElementTree.Element(
        "testsuite",
        name=_printable(f"autumn-mock certify {certificate.client}"),
        tests=str(len(results)),
        failures=str(len(failed)),
        skipped=str(sum(each.verdict != "passed" for each in results) - len(failed)),
        errors="0",
        time=f"{sum(each.took for each in results) / 1000:.3f}",
    )
    for each in results:
        name = f"autumn-mock.{each.case.level}.{each.case.group}"
        test = ElementTree.SubElement(
            suite, "testcase", classname=name, name=each.case.name, time=f"{each.took / 1000:.3f}"
        )
        if each in failed:
            failure = ElementTree.SubElement(test, "failure", message=_printable(each.problems[0]))
            failure.text = _printable("\n".join(story_lines(each)))
        elif each.verdict != "passed":
            reason = f"{each.verdict}: {each.problems[0]}" if each.verdict == "failed" else each.problems[0]
            ElementTree.SubElement(test, "skipped", message=_printable(reason))
    content: bytes = ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)
    return content + b"\n"


def _printable(text: str) -> str:
    return _NOT_IN_XML.sub("\ufffd", text)


# -- for people


def markdown_table(certificate: Certificate) -> str:
    """The table of all cases."""
    lines = ["| case | level | result | |", "|---|---|---|---|"]
    for each in certificate.results:
        detail = _cell(each.problems[0]) if each.problems else _cell(each.case.title)
        lines.append(f"| `{each.case.name}` | {each.case.level} | {_emphasized(each.verdict)} | {detail} |")
    return "\n".join(lines)


def _emphasized(verdict: str) -> str:
    return f"**{verdict}**" if verdict == "failed" else verdict


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _markdown(certificate: Certificate) -> bytes:
    parts = [f"# Conformance of {certificate.client}", _heading(certificate), markdown_table(certificate)]
    for each in certificate.results:
        if each.verdict == "failed":
            parts += [f"## {each.case.name}", "```text\n" + "\n".join(story_lines(each)) + "\n```"]
    return ("\n\n".join(parts) + "\n").encode()


def _heading(certificate: Certificate) -> str:
    settings = f", settings {msgspec.json.encode(certificate.settings).decode()}" if certificate.settings else ""
    return f"{certificate.summary} cases passed; {certificate.date}, autumn-mock {certificate.version}{settings}."


def _html(certificate: Certificate) -> bytes:
    title = escape(f"Conformance of {certificate.client}")
    rows = []
    for group, results in groupby(certificate.results, key=lambda each: each.case.group):
        rows.append(f'<tr><th colspan="3" scope="colgroup">{escape(group)}</th></tr>')
        rows += [_html_row(each) for each in results]
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>\n{badge(certificate)}"
        f"<p>{escape(_heading(certificate))}</p>\n"
        '<table><thead><tr><th scope="col">case</th><th scope="col">level</th><th scope="col">result</th></tr></thead>'
        f"<tbody>\n{chr(10).join(rows)}\n</tbody></table></body></html>\n"
    ).encode()


def _html_row(result: CaseResult) -> str:
    problems = "".join(f"<br>{escape(each)}" for each in result.problems)
    story = escape("\n".join(story_lines(result)))
    return (
        f"<tr><td><details><summary><code>{escape(result.case.name)}</code> {escape(result.case.title)}</summary>"
        f"<pre>{story}</pre></details></td><td>{result.case.level}</td>"
        f'<td><span class="{result.verdict}">{result.verdict}</span>{problems}</td></tr>'
    )


def _svg(certificate: Certificate) -> bytes:
    return badge(certificate).encode()


#: The formats by the suffix of the file.
FORMATS: dict[str, Callable[[Certificate, CaseLevel], bytes]] = {
    ".xml": _junit,
    ".json": lambda certificate, _: _json(certificate),
    ".md": lambda certificate, _: _markdown(certificate),
    ".html": lambda certificate, _: _html(certificate),
    ".svg": lambda certificate, _: _svg(certificate),
}


def write_certificate(path: Path, certificate: Certificate, level: CaseLevel) -> None:
    """Write a report in the format that the suffix names, a key of :data:`FORMATS`. Raises :class:`OSError`.

    ``level``: cases of less strict levels do not fail the run.
    """
    write_output(path, [FORMATS[path.suffix](certificate, level)])
