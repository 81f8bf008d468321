"""Idempotency keys: the second use of a key within a day is refused.

A request has its key from its beginning on. The key lasts with what is done under it, in one record: a crash leaves
both or neither. It is given back when the request fails, unless it met a conflict (409), as the real service has it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from autumn_mock.domain.lock import Claim
from autumn_mock.ledger.intervals import DAY, HOUR
from autumn_mock.operations.errors import ApiError, duplicate_idempotency_key
from autumn_mock.store.environment import Environment, Transaction

#: How long a key is taken, in ms.
KEY_LIFETIME = DAY
#: How long the mark of a finalize stays, in ms.
MARK_LIFETIME = HOUR


def claim(environment: Environment, transaction: Transaction, key: str, now: int) -> None:
    """Take a key; 409 when somebody has it."""
    if is_claimed(environment, key, now):
        raise duplicate_idempotency_key(key)
    transaction.put(Claim(key=key, expires_at=now + KEY_LIFETIME))


def is_claimed(environment: Environment, key: str, now: int) -> bool:
    """Whether a key is taken, for good or by a request that is under way."""
    held = environment.claims.get(key)
    if held is not None and held.expires_at > now:
        return True
    return any(each.key == key for reserved in environment.along.values() for each in reserved)


def release(environment: Environment, transaction: Transaction, key: str) -> None:
    """Give a key back, because what it was claimed for did not happen."""
    held = environment.claims.get(key)
    if held is not None:
        transaction.delete(held)


# -- of a request


@contextmanager
def keyed(environment: Environment, key: str | None, now: int) -> Iterator[None]:
    """Do something under a key, if there is one. 409 when somebody has it."""
    if key is None:
        yield
        return
    reserve(environment, key, now)
    try:
        yield
    except Exception as error:
        if isinstance(error, ApiError) and error.status == 409:
            settle(environment, key)
        else:
            give_back(environment, key)
        raise
    settle(environment, key)


def reserve(environment: Environment, key: str, now: int) -> None:
    """Take a key for what this thread does next, to be settled or given back in the end. 409 when somebody has it.

    Nothing is written yet: it lasts with the first change that the thread makes.
    """
    with environment.lock:
        if is_claimed(environment, key, now):
            raise duplicate_idempotency_key(key)
        claim = Claim(key=key, expires_at=now + KEY_LIFETIME)
        environment.along.setdefault(threading.get_ident(), []).append(claim)


def settle(environment: Environment, key: str) -> None:
    """Let a reserved key last, also when nothing was changed under it. After an ``OSError`` it is free."""
    with environment.lock:
        claim = _unreserved(environment, key)
        if claim is not None:
            with environment.write() as transaction:
                transaction.put(claim)


def give_back(environment: Environment, key: str) -> None:
    """Let a reserved key go.

    Where it lasts already and the disk refuses to forget it, memory alone does: a crash before the next checkpoint
    leaves it taken.
    """
    with environment.lock:
        if _unreserved(environment, key) is not None:
            return
        try:
            with environment.write() as transaction:
                release(environment, transaction, key)
        except OSError:
            environment.claims.delete(key)


def _unreserved(environment: Environment, key: str) -> Claim | None:
    """The claim that waits for a change of this thread, which it now does no more; None when it lasts already."""
    thread = threading.get_ident()
    reserved = environment.along.get(thread, [])
    claim: Claim | None = next((each for each in reserved if each.key == key), None)
    if claim is not None:
        reserved.remove(claim)
        if not reserved:
            del environment.along[thread]
    return claim
