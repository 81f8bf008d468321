"""What a server does not load until it is used: loading it would delay every start.

The start itself is measured by ``python -m tests.benchmarks --against DIR start``.
"""

from __future__ import annotations

from pathlib import Path

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

#: Runs the command line, and writes the names of all modules before it ends.
PROGRAM = """
import sys
from pathlib import Path
from autumn_mock.__main__ import run
report = Path(sys.argv.pop(1))
try:
    run()
finally:
    report.write_text("\\n".join(sys.modules))
"""


def modules_of(folder: Path, *paths: str) -> set[str]:
    """The modules that a server has loaded when it ends after one batch, and GET requests to the paths."""
    report = folder / "modules"
    with ServerProcess(program=("-c", PROGRAM, str(report), "serve", "--port", "0")) as server:
        assert server.post(BATCH, [ITEM]).status == 202
        for path in paths:
            assert server.get(path).status == 200
        server.terminate()
        server.wait()
    return set(report.read_text().splitlines())


def within(modules: set[str], name: str) -> list[str]:
    """The modules of a package."""
    return sorted(each for each in modules if each == name or each.startswith(f"{name}."))


@pytest.fixture(scope="module")
def after_a_batch(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    return modules_of(tmp_path_factory.mktemp("start"))


@pytest.mark.parametrize("name", NOT_AT_THE_START)
def test_start_and_first_batch_do_not_load(after_a_batch: set[str], name: str) -> None:
    assert within(after_a_batch, name) == []


def test_first_control_request_loads_the_control_api(tmp_path: Path) -> None:
    found = modules_of(tmp_path, "/_mock/health")
    assert within(found, "autumn_mock.web.control")
    assert within(found, "autumn_mock.scenarios") == []
