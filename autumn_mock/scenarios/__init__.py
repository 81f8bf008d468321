"""Scenarios: files that show one failure mode each, as calls, faults, clock changes and expectations.

A scenario is YAML or JSON. It is played over HTTP against a running server, in a new organisation, so it neither
affects other users of the server nor depends on them.

    title: A retry after a 202
    story: A few sentences.
    world: default                     # a shipped world (this is the default), or a file: acme.yaml
    steps:
      - say: A comment on the step.    # possible in every step
        fault: enqueue:fail items=2    # or clear: faults
      - batch:                         # or track: {...}, check: {...}, call: {path: /v1/..., method: POST, body: ...}
          - {customer_id: cus_456, feature_id: messages, value: 5, timestamp: "${now-5m}"}
        repeat: 3                      # copies of the items; ${n} is the number of a copy
        count: 2                       # calls, one after the other
        timeout: 400ms                 # how long the client waits for a reply
        timeout_is: 503                # the status that the client takes a timeout for, as fail-open SDKs do
        with_fault: queue:down         # for these requests alone
        retry: {on: [429, 503, timeout, reset, truncated], times: 3, wait: retry-after}   # or 100ms, or none
        expect: {status: 202, body: {success: true}, headers: {}, no_reply: false, statuses: [503, 202]}
      - drain: 10s                     # with expect: {drained: false} if the queue must not become idle
      - pause: workers                 # and resume: workers
      - advance: 1s                    # the organisation's clock; also 1month or next-reset; freeze: clock
      - expect:
          balance: {customer: cus_456, feature: messages, remaining: 97}   # or a list
          stats: {offered: 3, refused: 1, lost_by_reason: {customer_not_found: 1}}
          findings: [resent_after_accepted, {code: hammering, items: 1}]   # all of them, in order
          lost: [{reason: customer_not_found}]                             # or a number; the same for failures
          failures: 1
          faults: {completed: true}

``statuses`` may also count: ``{"202": 10, "429": 2}``. ``${now}`` is constant between two changes of the clock, so
equal items are identical. The waits of a retry advance a frozen clock; otherwise the client sleeps.
"""

from __future__ import annotations

from autumn_mock.scenarios.file_schema import scenario_schema
from autumn_mock.scenarios.model import Scenario, read_scenario
from autumn_mock.scenarios.player import Player
from autumn_mock.scenarios.target import ScenarioTarget

__all__ = ["Player", "Scenario", "ScenarioTarget", "read_scenario", "scenario_schema"]
