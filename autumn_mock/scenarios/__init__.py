"""Scenarios: files that show one failure mode each. Calls, faults, clock moves, and what is to be expected.

A scenario is YAML or JSON and plain data. It is played over HTTP against a running server, in an organisation of its
own, so it disturbs nobody and nobody disturbs it.

    title: A retry after a 202
    story: A few sentences.
    world: default                     # a shipped world; this one unless it is said
    steps:
      - say: What there is to say.     # may stand in every step
        fault: enqueue:fail items=2    # or clear: faults
      - batch:                         # or track: {...}, check: {...}, call: {path: /v1/..., method: POST, body: ...}
          - {customer_id: cus_456, feature_id: messages, value: 5, timestamp: "${now-5m}"}
        repeat: 3                      # copies of the items; ${n} is the number of a copy
        count: 2                       # calls, one after the other
        timeout: 400ms                 # how long the client waits for a reply
        timeout_is: 503                # what it takes a timeout for, as a fail-open SDK does
        with_fault: queue:down         # for these requests alone
        retry: {on: [429, 503, timeout, reset, truncated], times: 3, wait: retry-after}   # or 100ms, or none
        expect: {status: 202, body: {success: true}, headers: {}, no_reply: false, statuses: [503, 202]}
      - drain: 10s                     # with expect: {drained: false}: it shall not come about
      - pause: workers                 # and resume: workers
      - advance: 1s                    # the organisation's clock; freeze: clock
      - expect:
          balance: {customer: cus_456, feature: messages, remaining: 97}   # or a list
          stats: {offered: 3, refused: 1, lost_by_reason: {customer_not_found: 1}}
          findings: [resent_after_accepted, {code: hammering, items: 1}]   # all there are, in order
          lost: [{reason: customer_not_found}]                             # or how many; so is
          failures: 1
          faults: {completed: true}

``statuses`` may also count: ``{"202": 10, "429": 2}``. ``${now}`` stands still between two moves of the clock, so items
that read the same are the same. Waits of a retry move a clock that is frozen, and take their time otherwise.
"""

from __future__ import annotations

from autumn_mock.scenarios.files import ScenarioError, find_scenario, read_scenario, shipped_scenarios
from autumn_mock.scenarios.model import Scenario
from autumn_mock.scenarios.player import Player
from autumn_mock.scenarios.target import ScenarioTarget, TargetError

__all__ = [
    "Player",
    "Scenario",
    "ScenarioError",
    "ScenarioTarget",
    "TargetError",
    "find_scenario",
    "read_scenario",
    "shipped_scenarios",
]
