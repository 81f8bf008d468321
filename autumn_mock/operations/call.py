"""The context in which an operation runs."""

from __future__ import annotations

from contextlib import AbstractContextManager

import msgspec
from msgspec import Struct

from autumn_mock.domain.event import Deduction
from autumn_mock.domain.feature import Feature
from autumn_mock.domain.lock import Claim
from autumn_mock.domain.organisation import Env
from autumn_mock.domain.payment import CardCharge, ChargeProblem
from autumn_mock.domain.version import Version
from autumn_mock.operations.errors import event_name_not_found, feature_not_found
from autumn_mock.store.environment import Environment, Transaction
from autumn_mock.wire.versions import traits_of
from autumn_mock.wire.versions.declaration import VersionTraits


def _never(_: CardCharge) -> None:
    """The charges of a call without faults."""


class CallEffects(Struct):
    """What a call collects while it runs."""

    #: Idempotency keys that the call's first transaction commits: see :mod:`autumn_mock.operations.idempotency`.
    claims: list[Claim] = []
    #: What the call deducts itself; not what its queued items deduct later.
    deductions: list[Deduction] = []


class Call(Struct, frozen=True):
    """One call of an operation: its environment, API version and time. Only its ``effects`` change while it runs.

    ``now`` (ms) is the organisation's time when the call began; it does not change during the call.
    """

    environment: Environment
    version: Version
    now: int
    #: Part of the ids of the messages that the call queues.
    request_id: str = ""
    publishable: bool = False
    #: Shared by copies of the call with another time.
    effects: CallEffects = msgspec.field(default_factory=CallEffects)
    #: Faults of charges; without one, the card decides.
    charge_problem: ChargeProblem = _never

    @property
    def env(self) -> Env:
        return self.environment.env

    @property
    def traits(self) -> VersionTraits:
        """The behaviour of the version."""
        return traits_of(self.version)

    def write(self) -> AbstractContextManager[Transaction]:
        """A transaction on the environment. The first one that changes something also commits the pending claims."""
        return self.environment.write(self.effects.claims, self.request_id)

    def feature(self, feature_id: str) -> Feature:
        """A feature by id; archived ones included. Raises :class:`ApiError` (404) for an unknown id."""
        feature = self.environment.features.get(feature_id)
        if feature is None:
            raise feature_not_found(feature_id)
        return feature

    def tracked_features(self, feature_id: str | None, event_name: str | None) -> list[Feature]:
        """The features that a usage event is about: the one named, or all that list the event name. Raises
        :class:`ApiError` (404) when there is none."""
        if feature_id:
            return [self.feature(feature_id)]
        features = [each for each in self.environment.features if event_name in each.event_names]
        if not features:
            raise event_name_not_found(event_name or "")
        return features
