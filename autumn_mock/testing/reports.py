"""The report of a run as a file that CI systems read."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec

from autumn_mock.counting import count_of
from autumn_mock.journal.finding import OwnedFinding
from autumn_mock.journal.finding_kinds import FINDING_KINDS
from autumn_mock.journal.requests import RequestEntry
from autumn_mock.journal.wording import doubt_mark
from autumn_mock.store.changes import ENCODER
from autumn_mock.store.fileutil import write_output
from autumn_mock.testing.lines import failure_lines, request_line, unknown_key_lines
from autumn_mock.testing.mock import AutumnMock
from autumn_mock.testing.outcome import run_warnings

#: Characters that XML does not allow, not even as character references.
_NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


#: Failed requests that a report lists.
_MAX_FAILED = 10


def failure_report(mock: AutumnMock) -> list[str]:
    """The requests of a whole server that failed, the first ones with bodies, and those with unknown keys."""
    entries = mock.emulator.journal.entries()
    failed = [entry for entry in entries if not entry.is_known_accepted]
    lines = [f"{len(failed)} of {count_of(len(entries), 'request')} failed:"] if failed else []
    shown = failure_lines(failed)
    lines += [f"  {line}" for line in shown]
    rest = [request_line(each) for each in failed if request_line(each) not in shown]
    lines += [f"  {line}" for line in rest[:_MAX_FAILED]]
    if len(rest) > _MAX_FAILED:
        lines.append(f"  and {len(rest) - _MAX_FAILED} more")
    return lines + unknown_key_lines(mock.emulator.journal.unknown_keys(), [mock.key])


def finding_line(finding: OwnedFinding) -> str:
    """A finding: its code, how sure it is, whose requests they were, and what happened."""
    return f"{finding.code}{doubt_mark(finding.certain)}: {_owner(finding)}: {finding.message}"


def _owner(finding: OwnedFinding) -> str:
    """The organisation of a finding by its slug, and by its name if that says more."""
    if not finding.org:
        return "no organisation"
    name = "" if finding.org_name in (finding.org_slug, "") else f" ({finding.org_name})"
    return f"organisation {finding.org_slug}{name}, {finding.env}"


def write_report(
    path: Path, command: Sequence[str], code: int, mock: AutumnMock, findings: Sequence[OwnedFinding]
) -> None:
    """Write JUnit XML to a path that ends in ``.xml``, JSON to any other. Raises :class:`OSError`."""
    command = [word.encode("utf-8", "replace").decode() for word in command]  # an argument may be any bytes
    is_xml = path.suffix == ".xml"
    write_output(path, [_junit(command, code, mock, findings) if is_xml else _json(command, code, mock, findings)])


def _json(command: Sequence[str], code: int, mock: AutumnMock, findings: Sequence[OwnedFinding]) -> bytes:
    emulator = mock.emulator
    document: dict[str, Any] = {
        "command": list(command),
        "exit_code": code,
        "stats": emulator.stats(),
        "findings": [msgspec.to_builtins(each) for each in findings],
        "requests": [_request(entry) for entry in emulator.journal.entries()],
        "unknown_keys": emulator.journal.unknown_keys(),
        "warnings": run_warnings(emulator),
        "failures": [each for environment in emulator.state.environments() for each in environment.failures],
        "lost": [each for environment in emulator.state.environments() for each in environment.lost],
    }
    return msgspec.json.format(ENCODER.encode(document), indent=2) + b"\n"


def _request(entry: RequestEntry) -> dict[str, Any]:
    """A request; one that failed with headers and bodies."""
    return entry.summary() if entry.is_known_accepted else entry.whole()


def _junit(command: Sequence[str], code: int, mock: AutumnMock, findings: Sequence[OwnedFinding]) -> bytes:
    """A test case for the command, and one for each kind of finding, which fails if it certainly occurred."""
    found = {kind: [each for each in findings if each.code == kind] for kind in FINDING_KINDS}
    failures = sum(any(each.certain for each in some) for some in found.values()) + (code != 0)
    suite = ElementTree.Element(
        "testsuite",
        name="autumn-mock",
        tests=str(len(FINDING_KINDS) + 1),
        failures=str(failures),
        errors="0",
        skipped="0",
    )
    case = ElementTree.SubElement(suite, "testcase", classname="autumn-mock", name=_printable(shlex.join(command)))
    if code != 0:
        ElementTree.SubElement(case, "failure", message=f"ended with exit code {code}")
    failed = [*failure_report(mock), *(f"warning: {each}" for each in run_warnings(mock.emulator))]
    if failed:
        ElementTree.SubElement(case, "system-err").text = _printable("\n".join(failed))
    for kind, each in found.items():
        case = ElementTree.SubElement(suite, "testcase", classname="autumn-mock.contract", name=kind)
        certain = [finding for finding in each if finding.certain]
        if each:
            lines = _printable(
                "\n".join([*(f"{_owner(finding)}: {finding.message}" for finding in each), each[0].instead])
            )
            if certain:
                ElementTree.SubElement(
                    case, "failure", message=_printable(finding_line(certain[0]).partition(": ")[2])
                ).text = lines
            else:
                ElementTree.SubElement(case, "system-out").text = lines
    content: bytes = ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)
    return content + b"\n"


def _printable(text: str) -> str:
    """A text with the characters replaced that XML does not allow."""
    return _NOT_IN_XML.sub("\ufffd", text)
