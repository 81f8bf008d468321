"""What a server does not load until it is used: loading it would delay every start.

The start itself is measured by ``python -m tests.benchmarks --against DIR start``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.client import BATCH
from tests.support.server import ServerProcess

ITEM = {"customer_id": "cus_123", "feature_id": "messages"}

#: Modules, with all that they contain, that neither the start nor the first batch needs, and who needs them.
NOT_AT_THE_START = {
    "genai_prices": "calls that count tokens of a model without built-in prices",
    "httpx": "the control client of the other commands, scenarios and webhooks",
    "rich": "what the other commands print",
    "pygments": "rich and httpx's own command line",
    "prometheus_client": "GET /_mock/metrics",
    "multiprocessing": "nothing",
    "trustme": "--tls and exec --proxy",
    "cryptography": "trustme",
    "autumn_mock.control_client": "the other commands, scenarios",
    "autumn_mock.domain.model_prices": "calls that count tokens",
    "autumn_mock.journal.findings": "findings",
    "autumn_mock.operations.model_prices": "calls that count tokens",
    "autumn_mock.faults.kinds": "servers with fault rules",
    "autumn_mock.fidelity": "the command fidelity",
    "autumn_mock.scenarios": "the command scenario, the page",
    "autumn_mock.testing": "the fixture",
    "autumn_mock.web.checkout": "payment pages",
    "autumn_mock.operations.billing.renewals": "what is due of a plan",
    "autumn_mock.cli.trust": "--tls and exec",
    "autumn_mock.web.certificates": "--tls and exec --proxy",
    "autumn_mock.web.fixed_hosts": "exec --proxy",
    "autumn_mock.web.secure_channel": "--tls and exec --proxy",
    "autumn_mock.web.control": "/_mock",
    "autumn_mock.web.control_app": "/_mock",
    "autumn_mock.web.openapi": "/_mock/openapi.json",
    "autumn_mock.web.page": "/_mock/",
    "autumn_mock.web.resources.billing": "calls that do not record or check usage",
    "autumn_mock.web.resources.registry": "calls that do not record or check usage",
    "autumn_mock.wire.responses.plan": "answers with plans",
    "autumn_mock.wire.responses.preview": "previews",
    "autumn_mock.wire.responses.catalog": "calls of the catalogue",
}

#: Runs the command line. Before it ends, writes the names of all modules, and how many objects each collection visited.
PROGRAM = """
import gc, json, sys
from pathlib import Path
from autumn_mock.__main__ import run
report = Path(sys.argv.pop(1))
visited = []

def count(phase, info):
    if phase == "start":
        visited.append(sum(len(gc.get_objects(each)) for each in range(info["generation"] + 1)))

gc.callbacks.append(count)
try:
    run()
finally:
    gc.callbacks.remove(count)
    report.write_text(json.dumps({"modules": list(sys.modules), "visited": visited}))
"""


class AtTheEnd(NamedTuple):
    """What a server says when it ends."""

    modules: set[str]
    #: How many objects each run of the garbage collector visited.
    visited: list[int]


def report_of(folder: Path, *paths: str) -> AtTheEnd:
    """The report of a server that ends after one batch, and GET requests to the paths."""
    report = folder / "report"
    program = ("-c", PROGRAM, str(report), "serve", "--port", "0")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)  # measuring coverage loads modules of its own
        with ServerProcess(program=program) as server:
            assert server.post(BATCH, [ITEM]).status == 202
            for path in paths:
                assert server.get(path).status == 200
            server.terminate()
            server.wait()
    found = json.loads(report.read_text())
    return AtTheEnd(set(found["modules"]), found["visited"])


def within(modules: set[str], name: str) -> list[str]:
    """The modules of a package."""
    return sorted(each for each in modules if each == name or each.startswith(f"{name}."))


@pytest.fixture(scope="module")
def after_a_batch(tmp_path_factory: pytest.TempPathFactory) -> AtTheEnd:
    return report_of(tmp_path_factory.mktemp("start"))


@pytest.mark.parametrize("name", NOT_AT_THE_START)
def test_start_and_first_batch_do_not_load(after_a_batch: AtTheEnd, name: str) -> None:
    assert within(after_a_batch.modules, name) == []


def test_start_does_not_collect_what_it_loads(after_a_batch: AtTheEnd) -> None:
    """About 90 000 objects are loaded; to visit them takes a tenth of the start."""
    assert max(after_a_batch.visited, default=0) < 30_000


def test_first_control_request_loads_the_control_api(tmp_path: Path) -> None:
    found = report_of(tmp_path, "/_mock/health").modules
    assert within(found, "autumn_mock.web.control")
    assert within(found, "autumn_mock.scenarios") == []
