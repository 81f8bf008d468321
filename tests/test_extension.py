"""How many files of the package a common change takes: each is made in a copy of it, and used.

A fault kind, an API version and a command have such a test beside their own tests.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import autumn_mock
from autumn_mock.input_files import fixtures_directory

PACKAGE = Path(autumn_mock.__file__).parent
_PRELUDE = """
import json, sys
from autumn_mock import create_app
from autumn_mock.engine import Engine

with Engine(rate_limit="off", webhook_url="http://127.0.0.1:9/") as engine:
    client = create_app(engine).test_client()
    headers = {"authorization": "Bearer am_sk_test_autumn_mock"}
    def post(path, body):
        return client.post(f"/v1/{path}", json=body, headers=headers)
    result = {}
"""


def used(folder: Path, additions: Mapping[str, str], steps: str) -> Any:
    """What ``steps`` leave in ``result``, run with a copy of the package whose files have these additions."""
    copy = folder / "autumn_mock"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(fixtures_directory() / "worlds", folder / "fixtures" / "worlds")
    for name, text in additions.items():
        with (copy / name).open("a", encoding="utf-8") as file:
            file.write(text)
    lines = "".join(f"    {line}\n" for line in [*steps.strip().splitlines(), "json.dump(result, sys.stdout)"])
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    command = [sys.executable, "-c", _PRELUDE + lines]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def test_new_endpoint_with_one_field_takes_four_files(tmp_path: Path) -> None:
    additions = {
        "wire/requests/features.py": """

class FeaturesCount(z.Params):
    prefix: str | None = z.field(z.string(min=1), default=None)
""",
        "operations/features.py": """

def count(call: Call, prefix: str | None) -> int:
    return sum(each.id.startswith(prefix or "") for each in call.environment.features)
""",
        "wire/responses/feature.py": """

class FeatureCountBody(Body):
    count: int
""",
        "web/resources/features.py": """

from autumn_mock.wire.requests.features import FeaturesCount
from autumn_mock.wire.responses.feature import FeatureCountBody

@endpoint("POST /v1/features.count", scopes="features:read", request=FeaturesCount, answers=FeatureCountBody)
def count(request: RequestContext, params: FeaturesCount) -> Answer:
    return Answer(FeatureCountBody(count=features.count(request.call, params.prefix)))
""",
    }
    result = used(
        tmp_path,
        additions,
        """
result["all"] = post("features.count", {}).json
result["some"] = post("features.count", {"prefix": "mess"}).json
result["refused"] = post("features.count", {"prefix": ""}).json["message"]
result["schema"] = client.get("/_mock/openapi.json").json["components"]["schemas"]["FeatureCountBody"]["required"]
result["journal"] = client.get("/_mock/requests", headers=headers).json["list"][0]["call"]
""",
    )
    assert result["all"]["count"] > result["some"]["count"] == 1
    assert result["refused"].startswith("prefix: ")
    assert (result["schema"], result["journal"]) == (["count"], "features.count")


def test_new_finding_takes_two_files(tmp_path: Path) -> None:
    additions = {
        "journal/finding_kinds.py": """
FINDING_KINDS["zero_value"] = FindingKind(title="Tracked nothing", why="It costs a request.", instead="Skip it.")
""",
        "journal/detectors/usage.py": """

@detects("zero_value")
def _zero_values(entries: Sequence[RequestEntry]) -> Iterator[Finding]:
    for entry in entries:
        if any(item.amount == 0 for item in entry.sent):
            yield finding("zero_value", [entry], "A usage of 0 was tracked", items=1)
""",
    }
    result = used(
        tmp_path,
        additions,
        """
post("balances.batch_track", [{"customer_id": "cus_123", "feature_id": "messages", "value": 0}])
result["list"] = client.get("/_mock/findings", headers=headers).json["list"]
""",
    )
    [found] = result["list"]
    assert (found["code"], found["title"], found["instead"]) == ("zero_value", "Tracked nothing", "Skip it.")


def test_new_webhook_type_takes_two_files(tmp_path: Path) -> None:
    additions = {
        "domain/webhook.py": """
WebhookType = Literal["balances.limit_reached", "balances.usage_alert_triggered", "balances.changed"]
""",
        "ledger/alerts.py": """

_known = webhooks_for


def webhooks_for(before, after, entity=None, properties=None):
    changed = [Webhook("balances.changed", {"customer_id": after.customer.id})] if before.rows != after.rows else []
    return [*_known(before, after, entity, properties), *changed]
""",
    }
    result = used(
        tmp_path,
        additions,
        """
post("balances.track", {"customer_id": "cus_123", "feature_id": "messages", "async": False})
result["list"] = client.get("/_mock/webhooks", headers=headers).json["list"]
""",
    )
    assert [each["type"] for each in result["list"]] == ["balances.changed"]
