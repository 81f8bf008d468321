"""``/_mock/health``, ``/_mock/ready`` and ``/_mock/metrics``."""

from __future__ import annotations

import sys
from collections import Counter, namedtuple
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from autumn_mock.docs import topics
from autumn_mock.engine import Engine
from autumn_mock.web import create_app

KEY = {"Authorization": "Bearer am_sk_test_autumn_mock"}
APART = ("fate", "state", "table", "rule", "file")
Usage = namedtuple("Usage", "total used free")


def samples(engine: Engine) -> Counter[tuple[str, str]]:
    """The metrics: (name, the label that distinguishes them) to the sum of the environments."""
    reply = create_app(engine).test_client().get("/_mock/metrics")
    assert reply.status_code == 200
    found: Counter[tuple[str, str]] = Counter()
    for family in text_string_to_metric_families(reply.text):
        for sample in family.samples:
            label = next((sample.labels[each] for each in APART if each in sample.labels), "")
            found[sample.name, label] += int(sample.value)
    return found


@pytest.mark.parametrize("headers", [{}, {"Host": "balancer.example"}, {"x-autumn-mock-token": "wrong"}])
def test_health_needs_no_token(headers: dict[str, str]) -> None:
    client = create_app(Engine(host="0.0.0.0", control_token="secret")).test_client()
    reply = client.get("/_mock/health", headers=headers)
    assert reply.status_code == 200
    assert set(reply.json or {}) == {"status", "version"}


@pytest.mark.parametrize("path", ["ready", "metrics"])
def test_the_other_probes_need_the_token(path: str) -> None:
    client = create_app(Engine(control_token="secret")).test_client()
    assert client.get(f"/_mock/{path}").status_code == 401
    assert client.get(f"/_mock/{path}", headers={"x-autumn-mock-token": "secret"}).status_code in (200, 503)


def ready(engine: Engine) -> tuple[int, dict[str, Any]]:
    reply = create_app(engine).test_client().get("/_mock/ready")
    checks = {check["name"]: check for check in (reply.json or {})["checks"]}
    return reply.status_code, checks


def test_a_server_is_ready_once_its_workers_run(tmp_path: Path) -> None:
    engine = Engine(db=str(tmp_path / "state.json"))
    assert ready(engine)[0] == 503
    with engine:
        status, checks = ready(engine)
        assert status == 200, checks
        assert set(checks) == {"database", "disk", "queue", "workers"}


def test_a_server_without_a_database_has_no_checks_of_files() -> None:
    with Engine() as engine:
        assert set(ready(engine)[1]) == {"queue", "workers"}


def test_a_full_disk_makes_it_not_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _folder: Usage(100, 99, 1))
    with Engine(db=str(tmp_path / "state.json")) as engine:
        status, checks = ready(engine)
        assert (status, checks["disk"]["ok"], checks["database"]["ok"]) == (503, False, True)


def test_removed_files_make_it_not_ready(tmp_path: Path) -> None:
    with Engine(db=str(tmp_path / "state.json")) as engine:
        for file in tmp_path.glob("*.wal"):
            file.unlink()
        status, checks = ready(engine)
        assert (status, checks["database"]["ok"]) == (503, False), checks
        for _ in range(100):  # maintenance writes them again
            engine.state.checkpoint()
            if ready(engine)[0] == 200:
                break
        assert ready(engine)[0] == 200


def test_a_full_queue_makes_it_not_ready() -> None:
    with Engine(max_queue=1) as engine:
        engine.queue.pause()
        client = create_app(engine).test_client()
        event = {"customer_id": "c1", "feature_id": "messages", "value": 1}
        client.post("/v1/balances.batch_track", headers=KEY, json=[event])
        reply = client.get("/_mock/ready")
        assert reply.status_code == 503
        assert [each["name"] for each in (reply.json or {})["checks"] if not each["ok"]] == ["queue"]


def test_the_metrics_count_what_the_stats_count() -> None:
    with Engine() as engine:
        client = create_app(engine).test_client()
        organisation = engine.state.organisations.snapshot()[0]
        assert organisation is not None
        event = {"customer_id": "c1", "feature_id": "messages", "value": 1}
        client.post("/v1/customers", headers=KEY, json={"id": "c1"})
        client.post("/v1/balances.batch_track", headers=KEY, json=[event, event])
        engine.drain()
        found, stats = samples(engine), engine.stats()
        assert stats["accepted"] == 2
        for fate in ("offered", "refused", "accepted", "deducted", "lost"):
            assert found["autumn_mock_items_total", fate] == stats[fate]
        assert found["autumn_mock_queue_items", "ready"] == 0
        assert found["autumn_mock_records", "customers"] == sum(
            len(each.customers) for each in engine.state.environments()
        )
        assert found["autumn_mock_requests_total", ""] == 2
        assert found["autumn_mock_workers", ""] == engine.settings.workers


def test_the_metrics_name_armed_rules_as_they_were_written() -> None:
    engine = Engine(fault=("reply:status 503 times=1", "reply:delay 1ms"))
    client = create_app(engine).test_client()
    assert client.get("/v1/features", headers=KEY).status_code == 503
    assert {rule for name, rule in samples(engine) if name == "autumn_mock_fault_fired_total"} == {
        "reply:status 503 times=1",
        "reply:delay 1ms",
    }
    assert samples(engine)["autumn_mock_fault_fired_total", "reply:status 503 times=1"] == 1


@pytest.mark.skipif(sys.platform != "linux", reason="prometheus-client reports the process on Linux only")
def test_the_number_of_series_is_the_documented_one(tmp_path: Path) -> None:
    with Engine(db=str(tmp_path / "state.json"), auto_org=True) as engine:
        engine.find_key("am_sk_test_job")
        environments = len(engine.state.environments())
        text = create_app(engine).test_client().get("/_mock/metrics").text
    series = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert (environments, len(series)) == (3, 3 * 25 + 16)
    page = " ".join(topics()["shared-server"].text.split())
    assert "Each environment of an organisation has 25 series" in page
    assert "the rest of the server 16" in page


def test_the_metrics_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "prometheus_client.exposition", None)
    reply = create_app(Engine()).test_client().get("/_mock/metrics")
    assert reply.status_code == 501
    assert "pip install 'autumn-mock[metrics]'" in (reply.json or {})["message"]
