import email.utils
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from autumn_mock.domain.record import LATEST
from autumn_mock.faults.options import Option, body_kind, duration, retry_after, status
from autumn_mock.faults.sites import ReplyFault, ReplyPlan

#: Statuses below this are successes, which keep the body of the service.
_FIRST_FAILURE = 300


class ReplaceStatus(ReplyFault):
    """This status instead; below 300 the reply keeps its body."""

    name = "reply:status"
    example = "reply:status 502 body=html"
    argument = status
    argument_placeholder = "STATUS"
    own_options = (
        Option("retry-after", retry_after, "the Retry-After header: seconds, date+5s, or a quoted date", "WHEN"),
        Option("body", body_kind, "json as Autumn sends it (default), html as a proxy does, or empty", "KIND"),
    )
    has_phase = True

    @classmethod
    def accepts_phase(cls, argument: Any) -> bool:
        return int(argument) >= _FIRST_FAILURE

    @classmethod
    def problem(cls, argument: Any, options: Mapping[str, Any]) -> tuple[str, str] | None:
        if argument < _FIRST_FAILURE and options.get("body", "empty") != "empty":
            return "body", "a success keeps the body of the service, or has none: body=empty"
        return None

    def on_reply(self, reply: ReplyPlan) -> None:
        code = int(self.rule.argument)
        if code < _FIRST_FAILURE:
            reply.alter(status=code, body=b"" if "body" in self.options else None)
        else:
            reply.replace(code, *self._content(code, reply))
        if "retry-after" in self.options:
            reply.set_header("Retry-After", _resolved(self.options["retry-after"], reply.now))

    def _content(self, code: int, reply: ReplyPlan) -> tuple[str, bytes]:
        """Content type and body of a failure."""
        body = self.options.get("body", "json")
        if body == "empty":
            return "text/plain", b""
        phrase = next((each.phrase for each in HTTPStatus if each == code), "Unknown")
        if body == "json":
            return reply.error(code, phrase)
        title = f"{code} {phrase}"
        page = f"<html>\r\n<head><title>{title}</title></head>\r\n<body><h1>{title}</h1></body>\r\n</html>\r\n"
        return "text/html", page.encode()


def _resolved(value: str, now: int) -> str:
    """The value of Retry-After; ``date+5s`` counts from ``now`` (ms)."""
    if not value.startswith("date+"):
        return value
    return email.utils.formatdate(min(now + duration(value.removeprefix("date+")), LATEST) / 1000, usegmt=True)
