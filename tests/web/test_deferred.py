"""An application that is made when it is first called."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from werkzeug.test import Client

from autumn_mock import create_app
from autumn_mock.engine import Engine
from autumn_mock.web.deferred import DeferredApplication, PathMiddleware
from autumn_mock.web.guard import ExposedWithoutToken

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def answering(text: bytes) -> WSGIApplication:
    def application(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [text]

    return application


def test_application_is_made_once_by_simultaneous_first_requests() -> None:
    began, made = threading.Barrier(8), []

    def make() -> WSGIApplication:
        made.append(1)
        return answering(b"made")

    deferred = DeferredApplication(make)

    def request() -> bytes:
        began.wait(10)
        return Client(deferred).get("/").get_data()

    with ThreadPoolExecutor(8) as threads:
        futures = [threads.submit(request) for _ in range(8)]
        assert {each.result() for each in futures} == {b"made"}
    assert made == [1]


def test_application_that_could_not_be_made_is_made_by_the_next_request() -> None:
    tried = []

    def make() -> WSGIApplication:
        tried.append(1)
        if len(tried) == 1:
            raise ImportError("not yet")
        return answering(b"made")

    client = Client(DeferredApplication(make))
    with pytest.raises(ImportError):
        client.get("/")
    assert client.get("/").get_data() == b"made"


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/_mock", b"second"), ("/_mock/x", b"second"), ("/x/_mock", b"first"), ("/", b"first"), ("/_moc", b"first")],
)
def test_paths_with_a_prefix_belong_to_the_second_application(path: str, expected: bytes) -> None:
    client = Client(PathMiddleware(answering(b"first"), ("/_mock",), answering(b"second")))
    assert client.get(path).get_data() == expected


def test_create_app_refuses_an_exposed_server_before_a_control_request() -> None:
    with Engine(host="0.0.0.0") as engine, pytest.raises(ExposedWithoutToken):
        create_app(engine)
