"""Runs cases on one server, several at a time, each in an organisation and with an adapter process of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import datetime, timezone
from typing import Any

import msgspec

from autumn_mock import __version__
from autumn_mock.certification.adapter import Adapter, AdapterFailed
from autumn_mock.certification.model import ConformanceCase
from autumn_mock.certification.player import play_case
from autumn_mock.certification.protocol import PROTOCOL
from autumn_mock.certification.results import CaseResult, Certificate, ClientName
from autumn_mock.clock import wall_clock

#: How many cases run at a time by default. They mostly wait.
JOBS = 4


def introduce(command: Sequence[str], **process: Any) -> ClientName:
    """Start an adapter once and ask it for the name of its client.

    Raises :class:`~autumn_mock.certification.adapter.AdapterFailed` for one that cannot be used.
    """
    with Adapter(command, **process) as adapter:
        answer = adapter.ask("hello", protocol=PROTOCOL).answer
        if answer.outcome != "returned":
            raise AdapterFailed(f"the adapter refused hello: {answer.sentence}")
        try:
            return msgspec.convert(answer.value if answer.value is not None else {}, ClientName)
        except msgspec.ValidationError as error:
            raise AdapterFailed(
                f"the adapter answered hello with a value that is not {{client, version}}: {error}"
            ) from None


def certify(
    cases: Sequence[ConformanceCase],
    url: str,
    command: Sequence[str],
    *,
    settings: Mapping[str, Any] | None = None,
    jobs: int = JOBS,
    on_done: Callable[[CaseResult], None] = lambda _: None,
    **process: Any,
) -> Certificate:
    """Play cases against the client behind an adapter. ``on_done`` is called with each result, in this thread.

    ``settings``: passed on to the adapter, which knows their meaning. ``process``: keywords of
    :class:`~autumn_mock.certification.adapter.Adapter`. Raises its :class:`AdapterFailed` when the adapter cannot even
    name its client, and :class:`~autumn_mock.control_client.ControlError` when the server fails.
    """
    client = introduce(command, **process)
    found: dict[str, CaseResult] = {}
    with ThreadPoolExecutor(jobs, thread_name_prefix="autumn-mock-case") as pool:
        running = [pool.submit(play_case, case, url, command, settings or {}, **process) for case in cases]
        try:
            for done in as_completed(running):
                result = done.result()
                found[result.case.name] = result
                on_done(result)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return Certificate(
        client=client,
        settings=dict(settings or {}),
        version=__version__,
        date=datetime.fromtimestamp(wall_clock() / 1000, timezone.utc).date().isoformat(),
        results=tuple(found[case.name] for case in cases),
    )
