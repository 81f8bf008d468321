"""The declarations of API versions: where they are, what they name, and what a further version takes."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import autumn_mock
from autumn_mock.domain.version import Version, default_version, is_future_version, parse_version
from autumn_mock.input_files import fixtures_directory
from autumn_mock.web.openapi import document
from autumn_mock.web.resources.registry import ENDPOINTS
from autumn_mock.wire.answer import Body
from autumn_mock.wire.versions import CHANGES, VERSIONS_OF_NEWEST_SHAPE, fixed_shape_for, traits_of

PACKAGE = Path(autumn_mock.__file__).parent
HOMES = (PACKAGE / "domain" / "version.py", PACKAGE / "wire" / "versions")


def structs(base: type = Body) -> Iterator[str]:
    each: type
    for each in base.__subclasses__():
        yield each.__name__
        yield from structs(each)


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("2.5.0", Version.V2_5),
        ("2.5", Version.V2_5),
        ("2.3.0.7", Version.V2_3),
        ("1.4.0", Version.BETA),
        ("beta", Version.BETA),
        ("2026-05-13.clover", Version.V2_3),
        ("2025-02-01", Version.V0_1),
        ("2.6", Version.V2_6),
        ("2.9", None),
        ("NEWEST", None),
        ("", None),
    ],
)
def test_parse_version_takes_dotted_and_calendar_names(name: str, version: Version | None) -> None:
    assert parse_version(name) is version


@pytest.mark.parametrize("name", ["2.6.1", "2.7", "2.7.0", "2.60", "3", "3.0.0", "2026-05-14", "2027-01-01.clover"])
def test_names_of_versions_after_all_that_are_known(name: str) -> None:
    assert (parse_version(name), is_future_version(name)) == (None, True)


@pytest.mark.parametrize(
    "name",
    [
        *("nope", "v2.7.0", "1.3.0", "1.9.9", "9.9.9", "4.0.0", "3." + "9" * 5000, "2.7.0-beta", "2.²", "2..7", ""),
        *("2026-03-19", "2026-13-01", "20270101", "2026-5-14"),
    ],
)
def test_names_of_no_version(name: str) -> None:
    assert (parse_version(name), is_future_version(name)) == (None, False)


def test_default_version_depends_on_the_creation_of_the_organisation() -> None:
    days = {0: Version.V0_1, 1_738_195_200_000: Version.V0_2, 1_778_630_400_000: Version.V2_3}
    assert {instant: default_version(instant) for instant in days} == days


def test_newest_is_the_last_version() -> None:
    assert Version.NEWEST is list(Version)[-1]


def test_versions_are_named_in_their_files_only() -> None:
    """As :class:`Version` is not ordered, a module that names no version cannot depend on one."""
    files = [path for path in PACKAGE.rglob("*.py") if not any(path.is_relative_to(home) for home in HOMES)]
    named = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}: Version.{node.attr}"
        for path in files
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Version"
        if node.attr != "NEWEST"
    ]
    assert named == []
    with pytest.raises(TypeError):
        sorted(Version)  # type: ignore[type-var]  # versions have no order: that is the test


@pytest.mark.parametrize("version", list(Version), ids=lambda version: version.value)
def test_changes_name_answers_and_endpoints_that_exist(version: Version) -> None:
    changes = CHANGES[version]
    assert {*changes.answers, *changes.renamed} <= set(structs())
    assert set(changes.requests) <= {endpoint.name for endpoint in ENDPOINTS}


def test_traits_change_with_their_version() -> None:
    paged = [version for version in Version if traits_of(version).pages_by_cursor]
    assert paged == [Version.V2_3, Version.V2_4, Version.V2_5, Version.V2_6]
    assert [version for version in Version if traits_of(version).tracks_async] == [Version.V2_5, Version.V2_6]
    assert traits_of(Version.V2_0).creates_customers
    assert not traits_of(Version.V2_1).creates_customers


def test_fixed_shape_is_the_oldest_shape_of_a_call_without_older_ones() -> None:
    shapes = [fixed_shape_for(version) for version in (Version.V0_1, Version.V2_2, Version.V2_4)]
    assert shapes == [Version.V2_3, Version.V2_3, Version.V2_4]


def test_openapi_names_the_versions_that_it_describes() -> None:
    operation = document("http://localhost")["paths"]["/v1/balances.check"]["post"]
    (parameter,) = [each for each in operation["parameters"] if each["name"] == "x-api-version"]
    assert (
        parameter["schema"]["enum"]
        == [version.value for version in VERSIONS_OF_NEWEST_SHAPE]
        == ["2.3.0", "2.4.0", "2.5.0", "2.6.0"]
    )


#: What a version 2.7 takes: ``remaining`` of balances becomes ``left``, ``quantity`` of batch items ``value``.
_V2_7 = """
from autumn_mock.wire.versions.declaration import VersionChanges

def item(body):
    return {"value" if name == "quantity" else name: each for name, each in body.items()}

CHANGES = VersionChanges(renamed={"BalanceBody": {"remaining": "left"}}, requests={"balances.batch_track": item})
"""
_ASK = """
import json, sys
from autumn_mock import create_app
from autumn_mock.engine import Engine

with Engine(rate_limit="off") as engine:
    client = create_app(engine).test_client()
    key = {"authorization": "Bearer am_sk_test_autumn_mock"}
    def post(path, version, **body):
        headers = {**key, "x-api-version": version}
        return client.post(f"/v1/{path}", json={"customer_id": "cus_456", **body}, headers=headers).json
    def messages(version):
        return post("customers.get", version)["balances"]["messages"]
    rows = {row["id"]: row for row in post("customers.list", "2.5.0")["list"]}
    schema = client.get("/_mock/openapi.json").json["components"]["schemas"]["BalanceBody"]
    json.dump({
        "check": {v: post("balances.check", v, feature_id="messages")["balance"] for v in ("2.7.0", "2.5.0")},
        "customer": {v: messages(v) for v in ("2.7.0", "2.5.0", "2.0.0")},
        "listed": rows["cus_456"]["balances"]["messages"],
        "control": client.get("/_mock/balances/cus_456", headers=key).json["balances"]["messages"],
        "required": schema["required"],
        "batch": [
            client.post(
                "/v1/balances.batch_track",
                json=[{"customer_id": "cus_123", "feature_id": "messages", field: 5}],
                headers={**key, "x-api-version": version},
            ).status_code
            for version, field in (("2.5.0", "quantity"), ("2.7.0", "value"), ("2.5.0", "value"))
        ],
        "drained": client.post("/_mock/drain", headers=key).status_code,
        "used": client.get("/_mock/balances/cus_123", headers=key).json["balances"]["messages"]["usage"],
    }, sys.stdout)
"""


def test_a_version_with_a_renamed_field_takes_two_files(tmp_path: Path) -> None:
    copy = tmp_path / "autumn_mock"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(fixtures_directory() / "worlds", tmp_path / "fixtures" / "worlds")
    enumeration = copy / "domain" / "version.py"
    text = enumeration.read_text("utf-8")
    enumeration.write_text(text.replace("    NEWEST = V2_6\n", '    V2_7 = "2.7.0"\n    NEWEST = V2_7\n'), "utf-8")
    (copy / "wire" / "versions" / "v2_7.py").write_text(_V2_7, "utf-8")

    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", _ASK]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    given: dict[str, Any] = json.loads(done.stdout)
    assert "left" in given["required"]
    assert "remaining" not in given["required"]
    newest, before = given["check"]["2.7.0"], given["check"]["2.5.0"]
    assert list(newest) == ["left" if name == "remaining" else name for name in before]
    assert [newest["left"], before["remaining"]] == [1000, 1000]
    assert given["customer"]["2.7.0"]["left"] == 1000
    assert (given["batch"], given["used"]) == ([202, 202, 202], 15)
    for older in (given["customer"]["2.5.0"], given["listed"], given["control"]):
        assert older["remaining"] == 1000
        assert "left" not in older
    assert given["customer"]["2.0.0"]["current_balance"] == 1000
