"""Every control call refuses fields and query parameters that it does not take: a misspelt one would be ignored."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask, Response
from werkzeug.routing import Rule

from autumn_mock import create_app
from autumn_mock.engine import Engine
from autumn_mock.web.control_app import create_control_app
from autumn_mock.web.guard import Guard
from tests.web.conftest import KEY

#: Takes any body: a snapshot.
ANY_BODY = {"PUT /_mock/snapshot"}


def control_app(engine: Engine, api: Flask) -> Flask:
    """The application of the control API beside that of the public calls."""
    return create_control_app(engine, Guard("127.0.0.1", None), api, Response)


def calls(app: Flask) -> Iterator[tuple[str, str]]:
    """The method and a path of each control call."""
    rules: list[Rule] = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("_mock ")]
    for rule in rules:
        if rule.endpoint == "_mock call":  # public calls
            continue
        method = rule.endpoint.split(" ")[1]
        built = rule.build(dict.fromkeys(rule.arguments, "1"), append_unknown=False)
        assert built is not None
        yield method, built[1]


def test_every_control_call_refuses_unknown_names() -> None:
    with Engine() as engine:
        app = create_app(engine)
        client, headers = app.test_client(), {"Authorization": f"Bearer {KEY}"}
        found = list(calls(control_app(engine, app)))
        assert len(found) > 40
        for method, path in found:
            reply = client.open(path, method=method, headers=headers, query_string={"nonsens": "1"})
            message = "query: there is no parameter 'nonsens'"
            assert (reply.status_code, reply.get_json()["message"][: len(message)]) == (400, message), (method, path)
            if f"{method} {path}" in ANY_BODY:
                continue
            reply = client.open(path, method=method, headers=headers, json={"nonsens": 1})
            message = "input: there is no field 'nonsens'"
            assert (reply.status_code, reply.get_json()["message"][: len(message)]) == (400, message), (method, path)


@pytest.mark.parametrize(
    ("method", "path", "body", "hint"),
    [
        ("POST", "/_mock/drain", {"timout": 1}, "'timout', did you mean 'timeout'?"),
        ("POST", "/_mock/faults", {"rules": "queue:down"}, "'rules', did you mean 'rule'?"),
        ("POST", "/_mock/queue", {"pause": True}, "'pause', did you mean 'paused'?"),
        ("POST", "/_mock/reset", {"world": "default"}, "'world'; this call takes none"),
        ("GET", "/_mock/events?customer=cus_123", None, "'customer', did you mean 'customer_id'?"),
        ("GET", "/_mock/customers?serach=cus", None, "'serach', did you mean 'search'?"),
    ],
)
def test_the_nearest_name_is_suggested(method: str, path: str, body: dict[str, object] | None, hint: str) -> None:
    with Engine() as engine:
        reply = create_app(engine).test_client().open(path, method=method, json=body)
        assert (reply.status_code, reply.get_json()["message"].endswith(hint)) == (400, True), reply.get_json()
