"""A request as Waitress's parser reads it, made strict; beside :mod:`autumn_mock.web.waitress_adapter`."""

from __future__ import annotations

from typing import Any

from waitress.parser import HTTPRequestParser, ParsingError, TransferEncodingNotImplemented
from waitress.receiver import ChunkedReceiver
from waitress.utilities import BadRequest

#: Bytes of a line that begins a chunk, and of the lines behind the last one. Waitress has no limit.
_MAX_CHUNK_LINE, _MAX_TRAILER = 4096, 65_536
_MAX_CHUNK = 1 << 62


class _ChunkedReceiver(ChunkedReceiver):
    """The body of a request in chunks, with limits for what is between them."""

    control_line: bytes
    trailer: bytes
    chunk_remainder: int
    error: BadRequest | None

    def received(self, s: bytes) -> int:
        consumed = super().received(s)
        if len(self.control_line) > _MAX_CHUNK_LINE or self.chunk_remainder > _MAX_CHUNK:
            self.error = BadRequest("Invalid chunk size")
        elif len(self.trailer) > _MAX_TRAILER:
            self.error = BadRequest("The trailer is too large")
        return consumed


class RequestParser(HTTPRequestParser):
    """A request, read strictly where RFC 9112 demands it and Waitress does not."""

    adj: Any
    body_rcv: Any
    path: str
    headers: dict[str, str]

    def parse_header(self, header_plus: bytes) -> None:
        try:
            super().parse_header(header_plus)
            if self.chunked:
                self._check_chunked(header_plus)
            elif self.version == "1.1" and b"\ntransfer-encoding:" in header_plus.lower():
                raise ParsingError("Transfer-Encoding is empty")
        except ValueError:  # a number of thousands of digits, an invalid address
            self.expect_continue = False
            raise ParsingError("Content-Length or the address is invalid") from None
        except (ParsingError, TransferEncodingNotImplemented):
            self.expect_continue = False
            raise
        if (self.command, self.path) == self.adj.unlimited_call and self.adj.is_unlimited(
            {f"HTTP_{name}": value for name, value in self.headers.items()}
        ):
            self.adj = self.adj.without_limit
        if "close" in "".join(self.headers.get("CONNECTION", "").lower().split()).split(","):
            self.headers["CONNECTION"] = "close"  # Waitress compares the whole value (section 9.6)
        if self.version == "1.0" and "TRANSFER_ENCODING" in self.headers:
            self.headers["CONNECTION"] = "close"  # where its body ends is not known (section 6.1)
        if self.body_rcv is None or self.content_length >= self.adj.max_request_body_size:
            self.expect_continue = False  # no body is read: waiting for it would last for ever

    def _check_chunked(self, header_plus: bytes) -> None:
        self.body_rcv = _ChunkedReceiver(self.body_rcv.getbuf())
        lines = header_plus.lower().split(b"\r\n")
        if sum(line.count(b"chunked") for line in lines if line.startswith(b"transfer-encoding")) > 1:
            raise ParsingError("Transfer-Encoding names chunked twice")
        if "CONTENT_LENGTH" in self.headers:
            self.headers["CONNECTION"] = "close"  # a proxy may have seen another end of the request (section 6.1)
