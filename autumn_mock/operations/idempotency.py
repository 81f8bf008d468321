"""Idempotency keys: a second use of a key within a day is refused with 409 (contract 1.1 step 13, and 4.4).

A call holds its keys from the start, as pending claims (``Call.effects``). The first transaction of the call commits
them together with its changes, in one record, so that a crash keeps both or neither. When the call fails, its keys are
free again, except after a conflict (409), as the real service does it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from autumn_mock.domain.lock import Claim
from autumn_mock.ledger.intervals import DAY, HOUR
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import ApiError, duplicate_idempotency_key
from autumn_mock.store.environment import Environment, Transaction

#: How long a key stays taken, in ms.
KEY_LIFETIME = DAY
#: How long the mark of a finalize stays, in ms.
MARK_LIFETIME = HOUR


def is_claimed(environment: Environment, key: str, now: int) -> bool:
    """Whether a key is taken, by a committed claim that has not expired at ``now`` (ms) or by a call in progress."""
    held = environment.claims.get(key)
    return key in environment.pending_keys or (held is not None and held.expires_at > now)


def claim(environment: Environment, transaction: Transaction, key: str, now: int) -> None:
    """Take a key as part of a transaction. Raises :class:`ApiError` (409) when it is taken."""
    if is_claimed(environment, key, now):
        raise duplicate_idempotency_key(key)
    transaction.put(Claim(key=key, expires_at=now + KEY_LIFETIME))


def release(environment: Environment, transaction: Transaction, key: str) -> None:
    """Free a key as part of a transaction."""
    held = environment.claims.get(key)
    if held is not None:
        transaction.delete(held)


def begin(call: Call, key: str) -> None:
    """Take a key for a call, to be ended by :func:`commit` or :func:`abort`. Raises :class:`ApiError` (409).

    Nothing is written yet: the first transaction that the call commits writes the claim.
    """
    environment = call.environment
    with environment.lock:
        if is_claimed(environment, key, call.now):
            raise duplicate_idempotency_key(key)
        environment.pending_keys.add(key)
        call.effects.claims.append(Claim(key=key, expires_at=call.now + KEY_LIFETIME))


def commit(call: Call, key: str) -> None:
    """Keep a key that :func:`begin` took, also when the call changed nothing.

    Raises :class:`OSError` when the disk refuses it; the key is free then.
    """
    environment = call.environment
    with environment.lock:
        pending = _end(call, key)
        if pending is not None:
            with call.write() as transaction:
                transaction.put(pending)


def abort(call: Call, key: str) -> None:
    """Free a key that :func:`begin` took.

    When its claim was committed already and the disk refuses the deletion, it is deleted in memory only: after a crash
    before the next checkpoint the key is taken.
    """
    environment = call.environment
    with environment.lock:
        if _end(call, key) is not None:
            return
        try:
            with call.write() as transaction:
                release(environment, transaction, key)
        except OSError:
            environment.claims.delete(key)


def _end(call: Call, key: str) -> Claim | None:
    """Make a key no longer pending. Returns its claim unless a transaction of the call has committed it."""
    call.environment.pending_keys.discard(key)
    pending = next((each for each in call.effects.claims if each.key == key), None)
    if pending is not None:
        call.effects.claims.remove(pending)
    return pending


@contextmanager
def idempotent(call: Call, key: str | None) -> Iterator[None]:
    """Run the block under a key, if there is one. Raises :class:`ApiError` (409) when it is taken."""
    if key is None:
        yield
        return
    begin(call, key)
    try:
        yield
    except Exception as error:
        end = commit if isinstance(error, ApiError) and error.status == 409 else abort
        end(call, key)
        raise
    commit(call, key)
