"""Requests of the journal for other programs: as a curl command, and as HTTP Archive (HAR 1.2)."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from autumn_mock import __version__

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
#: Headers that curl sets itself, or that are about the connection.
_LEFT_OUT = {"accept", "accept-encoding", "authorization", "connection", "content-length", "host", "user-agent"}


def curl_of(row: Mapping[str, Any], url: str) -> str:
    """A request as a command that sends it again to a server. The key is read from ``$AUTUMN_SECRET_KEY``."""
    headers, body = row["request_headers"], row["request_body"]
    method = "--head" if row["method"] == "HEAD" else f"-X {row['method']}"
    parts = [f"curl {method} {shlex.quote(_address(row, url))}"]
    if "authorization" in headers or row["org"]:
        parts.append('-H "Authorization: Bearer $AUTUMN_SECRET_KEY"')
    parts += [
        f"-H {shlex.quote(f'{name}: {value}')}" for name, value in headers.items() if name.lower() not in _LEFT_OUT
    ]
    if body:
        parts.append(f"--data-raw {shlex.quote(body)}")
    return " \\\n  ".join(parts)


def har_of(rows: list[dict[str, Any]], url: str) -> dict[str, Any]:
    """Requests as a document of HAR 1.2."""
    creator = {"name": "autumn-mock", "version": __version__}
    return {"log": {"version": "1.2", "creator": creator, "entries": [_entry(row, url) for row in rows]}}


def _entry(row: Mapping[str, Any], url: str) -> dict[str, Any]:
    started = _EPOCH + timedelta(milliseconds=row["at"])
    took = row["duration_ms"]
    return {
        "startedDateTime": started.isoformat(timespec="milliseconds"),
        "time": took,
        "request": _request(row, url),
        "response": _response(row),
        "cache": {},
        "timings": {"send": 0, "wait": took, "receive": 0},
        "comment": "; ".join([f"request {row['id']}", *(f"fault: {rule}" for rule in row["faults"])]),
    }


def _request(row: Mapping[str, Any], url: str) -> dict[str, Any]:
    request: dict[str, Any] = {
        "method": row["method"],
        "url": _address(row, url),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _pairs(row["request_headers"].items()),
        "queryString": _pairs(parse_qsl(row["query"], keep_blank_values=True)),
        "headersSize": -1,
        "bodySize": row["size"],
    }
    if row["request_body"]:
        request["postData"] = {
            "mimeType": row["request_headers"].get("content-type", ""),
            "params": [],
            "text": row["request_body"],
            **_cut(row["request_body_cut"], row["size"]),
        }
    return request


def _response(row: Mapping[str, Any]) -> dict[str, Any]:
    """The reply; status 0 when there was none."""
    status, headers = row["status"] or 0, row["reply_headers"]
    known = {each.value: each.phrase for each in HTTPStatus}
    content = {"size": row["reply_size"], "mimeType": headers.get("content-type", "")}
    if row["reply_body"] is not None:
        content |= {"text": row["reply_body"], **_cut(row["reply_body_cut"], row["reply_size"])}
    return {
        "status": status,
        "statusText": known.get(status, ""),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _pairs(headers.items()),
        "content": content,
        "redirectURL": headers.get("location", ""),
        "headersSize": -1,
        "bodySize": row["reply_size"],
        **({} if row["reply"] == "sent" else {"comment": f"reply: {row['reply'].replace('_', ' ')}"}),
    }


def _address(row: Mapping[str, Any], url: str) -> str:
    return f"{url}{row['path']}" + (f"?{row['query']}" if row["query"] else "")


def _pairs(pairs: Any) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in pairs]


def _cut(is_cut: bool, size: int) -> dict[str, str]:
    return {"comment": f"the beginning of {size} bytes"} if is_cut else {}
