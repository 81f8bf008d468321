"""``GET /_mock/metrics``: the counts of a server in the text format of Prometheus.

``prometheus-client`` is an extra (``autumn-mock[metrics]``), imported when the call is first made.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flask import Response

from autumn_mock import __version__
from autumn_mock.engine import Engine
from autumn_mock.operations.errors import ApiError
from autumn_mock.web.control.context import ControlRequest

if TYPE_CHECKING:
    from prometheus_client.core import Metric
    from prometheus_client.registry import CollectorRegistry

_ENVIRONMENT = ("organisation", "env")
#: What happened to items, in the order of their way through the queue.
_FATES = ("offered", "refused", "accepted", "deducted", "lost")


def metrics(request: ControlRequest) -> Response:
    """The counts, for a scraper. 501 without the extra."""
    try:
        from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
    except ImportError:
        raise ApiError(
            501, "The metrics need prometheus-client: pip install 'autumn-mock[metrics]'", "not_installed"
        ) from None
    return Response(generate_latest(_registry(request.engine)), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _registry(engine: Engine) -> CollectorRegistry:
    from prometheus_client import ProcessCollector
    from prometheus_client.registry import Collector, CollectorRegistry

    class OfEngine(Collector):
        """Reads the engine whenever it is asked: nothing is counted on the path of a request."""

        def collect(self) -> Iterator[Metric]:
            yield from _of_server(engine)
            yield from _of_environments(engine)
            yield from _of_requests(engine)

    registry = CollectorRegistry(auto_describe=False)
    registry.register(OfEngine())
    ProcessCollector(registry=registry)
    return registry


def _of_server(engine: Engine) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily

    info = InfoMetricFamily("autumn_mock", "The release.")
    info.add_metric((), {"version": __version__})
    yield info
    state = engine.state
    yield GaugeMetricFamily("autumn_mock_organisations", "Organisations.", value=len(state.organisations))
    yield GaugeMetricFamily("autumn_mock_workers", "Threads that deduct.", value=engine.workers_alive)
    yield GaugeMetricFamily("autumn_mock_queue_room", "Items that may still be queued.", value=engine.queue.room())
    yield GaugeMetricFamily("autumn_mock_queue_paused", "1 while all workers are paused.", value=engine.queue.paused)
    files = GaugeMetricFamily("autumn_mock_database_bytes", "Size of the files of the database.", labels=("file",))
    for file, size in engine.database_sizes.items():
        files.add_metric((file,), size)
    yield files
    unattempted = engine.webhooks.journal.unattempted()
    yield GaugeMetricFamily("autumn_mock_webhooks_unattempted", "Webhooks before their first try.", value=unattempted)


def _of_environments(engine: Engine) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    items = CounterMetricFamily(
        "autumn_mock_items", "Items of usage, by what became of them.", labels=(*_ENVIRONMENT, "fate")
    )
    waiting = GaugeMetricFamily("autumn_mock_queue_items", "Items in the queue.", labels=(*_ENVIRONMENT, "state"))
    records = GaugeMetricFamily("autumn_mock_records", "Records, by table.", labels=(*_ENVIRONMENT, "table"))
    for environment in engine.state.environments():
        name, counts = environment.name, engine.stats(environment)
        for fate in _FATES:
            items.add_metric((*name, fate), counts[fate])
        for state in ("ready", "in_flight"):
            waiting.add_metric((*name, state), counts[state])
        for table, rows in environment.tables.items():
            records.add_metric((*name, table), len(rows))
    yield from (items, waiting, records)


def _of_requests(engine: Engine) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    served = CounterMetricFamily("autumn_mock_requests", "Requests that were served, since the start.")
    served.add_metric((), engine.journal.count)
    yield served
    kept = GaugeMetricFamily(
        "autumn_mock_journal_requests", "Requests that the journal keeps.", value=len(engine.journal)
    )
    yield kept
    labels = (*_ENVIRONMENT, "rule", "number")
    fired = CounterMetricFamily("autumn_mock_fault_fired", "How often armed fault rules acted.", labels=labels)
    boards = [(("", ""), engine.boards.server)]
    boards += [(each.name, engine.board_for(each)) for each in engine.state.environments()]
    for name, board in boards:
        for armed in board.armed():
            fired.add_metric((*name, armed.rule.text, str(armed.number)), armed.fired)
    yield fired
