"""Plays scenarios on this server, step by step, for its page: each in a new organisation that is closed at the end."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import flask
from flask import Response

from autumn_mock.control_client import ControlError
from autumn_mock.input_files import InputFileError, find_shipped, shipped_files
from autumn_mock.operations.errors import ApiError, invalid_request
from autumn_mock.parking import spare_thread
from autumn_mock.settings import Settings
from autumn_mock.web.control.context import ControlCall, ControlHandler, ControlRequest
from autumn_mock.web.replies import json_reply

if TYPE_CHECKING:
    import ssl

    from autumn_mock.scenarios import Player
    from autumn_mock.scenarios.events import Event, StepBegins

# Scenarios and their HTTP client are imported when they are first used: the start of a server does not wait for them.

#: Runs that are kept; the one that was opened or continued longest ago is closed for another one.
_MOST_RUNS = 8
#: Lines that one step shows.
_MOST_LINES = 14
#: Addresses that listen everywhere, and where they are reached.
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # not bound here


class ScenarioRun:
    """One scenario in one organisation."""

    def __init__(self, player: Player, org: str, resources: ExitStack) -> None:
        self.player = player
        self.org = org
        self._resources = resources
        self._events = player.play()
        #: How many steps were played.
        self.played = 0

    def step(self) -> dict[str, Any] | None:
        """Play one step; None when there are no more."""
        from autumn_mock.scenarios.events import StepBegins, StepEnds

        begins = next(self._events, None)
        if not isinstance(begins, StepBegins):
            return None
        events = list(itertools.takewhile(lambda event: not isinstance(event, StepEnds), self._events))
        self.played += 1
        return {"number": begins.step.number, "lines": list(_lines(begins, events))}

    @property
    def is_over(self) -> bool:
        """Whether all steps were played, or one was not as expected."""
        return self.player.failed is not None or self.played == len(self.player.scenario.steps)

    def report(self, number: int, steps: list[dict[str, Any]]) -> dict[str, Any]:
        """The steps that were just played, and the state after them."""
        summary = self.player.summary()
        return {
            "id": number,
            "org": self.org,
            "played": self.played,
            "over": self.is_over,
            "failed": self.player.failed.number if self.player.failed is not None else None,
            "server_faults": self.player.server_faults,
            "unmet": self.player.unmet,
            "steps": steps,
            "balances": [
                {
                    "customer": customer,
                    "feature": feature,
                    "granted": max(before.granted, after.granted),
                    "before": before.remaining,
                    "after": after.remaining,
                }
                for (customer, feature), (before, after) in summary.balances.items()
            ],
            "stats": summary.stats,
            "findings": summary.findings,
        }

    def close(self) -> None:
        """Delete its organisation."""
        with suppress(ControlError):  # it was deleted already, by a reset
            self._resources.close()


class ScenarioRuns:
    """The runs of one server."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._numbers = itertools.count(1)
        #: Those of which no step is being played.
        self._idle: dict[int, ScenarioRun] = {}
        #: Those of which a step is being played, and whether they were ended meanwhile.
        self._playing: dict[int, bool] = {}

    @property
    def routes(self) -> dict[str, ControlHandler]:
        """The control calls."""
        return {
            "GET /scenarios": self.list_,
            "POST /scenarios/<name>/runs": self.open,
            "POST /scenarios/runs/<int:number>/next": ControlCall(self.play, ("all",)),
            "DELETE /scenarios/runs/<int:number>": self.close,
        }

    def list_(self, _request: ControlRequest) -> Response:
        """The shipped scenarios with their stories and steps."""
        from autumn_mock.scenarios import read_scenario

        found = [read_scenario(path) for path in shipped_files("scenario").values()]
        rows = [
            {
                "name": each.name,
                "title": each.title,
                "story": each.story,
                "steps": [step.say or step.action.headline for step in each.steps],
            }
            for each in found
        ]
        return json_reply({"list": rows})

    def open(self, request: ControlRequest) -> Response:
        """Open an organisation and read the balances; nothing is played yet."""
        from autumn_mock.scenarios import Player, ScenarioTarget, read_scenario

        try:
            scenario = read_scenario(find_shipped("scenario", request.path["name"]))
        except InputFileError as error:
            raise ApiError(404, str(error), "not_found") from None
        with spare_thread(), _failures(), ExitStack() as resources:
            while len(self._idle) >= _MOST_RUNS:
                self._idle.pop(next(iter(self._idle))).close()
            target = resources.enter_context(
                ScenarioTarget(
                    self._url(),
                    scenario.source,
                    title=scenario.title,
                    token=self._settings.control_token,
                    trusted=self._trusted(),
                )
            )
            run = ScenarioRun(Player(scenario, target), target.org, resources.pop_all())
            number = next(self._numbers)
            self._idle[number] = run
            return json_reply(run.report(number, []), 201)

    def play(self, request: ControlRequest) -> Response:
        """Play the next step, or with ``all`` true all that are left."""
        every, number = request.fields().get("all", False), request.path["number"]
        if not isinstance(every, bool):
            raise invalid_request("all: must be true or false")
        run = self._take(number)
        self._playing[number] = False
        try:
            with spare_thread(), _failures():
                steps = list(itertools.islice(iter(run.step, None), None if every else 1))
                return json_reply(run.report(number, steps))
        finally:
            if self._playing.pop(number):
                with spare_thread():
                    run.close()
            else:
                self._idle[number] = run

    def close(self, request: ControlRequest) -> Response:
        """End a run and delete its organisation, once the step that is being played is over."""
        number = request.path["number"]
        if number in self._playing:
            self._playing[number] = True
            return json_reply({"closed": True})
        with spare_thread():
            self._take(number).close()
        return json_reply({"closed": True})

    def _take(self, number: int) -> ScenarioRun:
        run = self._idle.pop(number, None)
        if run is None:
            raise ApiError(404, f"There is no run {number}, or one of its steps is being played", "not_found")
        return run

    def _url(self) -> str:
        """Where this server is reached from itself."""
        host = _EVERYWHERE.get(self._settings.host, self._settings.host)
        scheme = "https" if self._settings.uses_tls else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{flask.request.environ['SERVER_PORT']}"

    def _trusted(self) -> ssl.SSLContext | None:
        """Any certificate, if this server has one: it calls itself, and perhaps by another name than clients do."""
        if not self._settings.uses_tls:
            return None
        import ssl

        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context


@contextmanager
def _failures() -> Iterator[None]:
    """Report what the scenario's client could not do as an error of the call."""
    try:
        yield
    except ControlError as error:
        raise ApiError(409, f"The scenario cannot go on: {error}", "scenario_failed") from None


def _lines(begins: StepBegins, events: list[Event]) -> Iterator[dict[str, str]]:
    """What happened in a step, as the command line prints it."""
    from autumn_mock.scenarios.events import StepEnds
    from autumn_mock.scenarios.lines import StepLines

    written = StepLines()
    lines = [line for event in (begins, *events, StepEnds(begins.step)) for line in written.of(event)]
    yield from (line._asdict() for line in lines[:_MOST_LINES])
    if len(lines) > _MOST_LINES:
        yield {"label": "", "text": f"and {len(lines) - _MOST_LINES} more", "style": "dim"}
