"""The messages between the runner and an adapter: one JSON object per line, in both directions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Literal

import msgspec
from msgspec import Struct

#: The version of the protocol, which the first instruction names.
PROTOCOL = 1
#: What an adapter can be instructed to do, in the order of the documentation.
INSTRUCTIONS = ("hello", "configure", "track", "batch", "check", "finalize", "flush", "close")
#: What became of an instruction: the client returned; it raised an error; it keeps the usage and will send it later;
#: it has no such call.
AnswerOutcome = Literal["returned", "raised", "buffered", "unsupported"]
#: How much of a line that cannot be read a message shows.
_SHOWN = 120


class ProtocolError(Exception):
    """An adapter printed something that is not an answer. The message says what, and what an answer is."""


class AdapterAnswer(Struct, frozen=True, kw_only=True):
    """What a client did with one instruction."""

    id: int
    outcome: AnswerOutcome
    #: What the client returned, as JSON.
    value: Any = None
    #: Whether the client marks the value as its own: the service did not send it.
    made_up: bool = False
    #: Of an error: its name, its text, and the status of the reply if there was one.
    error: str = ""
    message: str = ""
    status: int | None = None

    @property
    def label(self) -> str:
        """The answer in few words: ``returned``, ``made up``, ``raised 503``, ``raised ReadTimeout``."""
        if self.outcome == "raised":
            return f"raised {self.status or self.error or 'an error'}"
        return "made up" if self.outcome == "returned" and self.made_up else self.outcome

    @property
    def sentence(self) -> str:
        """The answer in one line."""
        if self.outcome == "raised":
            status = f" {self.status}" if self.status is not None else ""
            text = " ".join(f"{self.error}{status}: {self.message}".split())
            return f"raised {text if len(text) <= _SHOWN else text[:_SHOWN] + '…'}"
        if self.value is None:
            return self.outcome
        text = json.dumps(self.value, ensure_ascii=False)
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
        return f"{self.outcome} {shown}{', which the client made up' if self.made_up else ''}"


def instruction_line(number: int, do: str, fields: Mapping[str, Any]) -> bytes:
    """The line of an instruction, with its newline."""
    return json.dumps({"id": number, "do": do, **fields}, separators=(",", ":")).encode() + b"\n"


def read_answer(line: bytes) -> AdapterAnswer:
    """The answer of a line. Raises :class:`ProtocolError`."""
    try:
        return msgspec.json.decode(line, type=AdapterAnswer)
    except msgspec.ValidationError as error:
        raise ProtocolError(
            f"the adapter printed an answer that does not follow the protocol ({error}): {_start(line)}; "
            "`autumn-mock certify --protocol` describes it"
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ProtocolError(
            f"the adapter printed a line that is not JSON: {_start(line)}; "
            "standard output is for answers, print everything else on standard error"
        ) from None


def protocol_page() -> str:
    """The documentation of the protocol, as Markdown."""
    return (files("autumn_mock") / "docs" / "certify.md").read_text("utf-8")


def _start(line: bytes) -> str:
    text = line.decode("utf-8", "replace").strip()
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
