from collections.abc import Mapping
from typing import Any

from autumn_mock.faults.options import Option, header_lines, json_text, status
from autumn_mock.faults.options import name as any_text
from autumn_mock.faults.sites import ReplyFault, ReplyPlan


class OwnReply(ReplyFault):
    """A reply of your own: a status, a body and headers. Values with spaces or quotes are put in single quotes."""

    name = "reply:body"
    example = """reply:body status=200 json='{"allowed":true}'"""
    own_options = (
        Option("status", status, "the status (200)", "STATUS"),
        Option("json", json_text, "the body, as JSON", "JSON"),
        Option("text", any_text, "the body, as plain text", "TEXT"),
        Option("header", header_lines, "a header, such as 'X-Region: eu'; several are separated by |", "NAME:VALUE"),
    )
    has_phase = True

    @classmethod
    def problem(cls, argument: Any, options: Mapping[str, Any]) -> tuple[str, str] | None:
        del argument
        if "json" in options and "text" in options:
            return "text", "give either json= or text="
        return None

    def on_reply(self, reply: ReplyPlan) -> None:
        options = self.options
        content_type = "application/json" if "json" in options else "text/plain; charset=UTF-8"
        body = options.get("json", options.get("text", ""))
        reply.replace(options.get("status", 200), content_type, body.encode())
        for header, value in options.get("header", ()):
            reply.set_header(header, value)
