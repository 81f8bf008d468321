"""``customers.advance_test_clock``, which moves the clock of the whole organisation."""

from __future__ import annotations

from msgspec.structs import replace

from autumn_mock.domain.record import LATEST
from autumn_mock.ledger.intervals import DAY
from autumn_mock.operations.call import Call
from autumn_mock.operations.errors import invalid_request
from autumn_mock.operations.subjects import get_customer, open_account

#: How far one call may advance the clock, in ms; calendars end beyond it.
FARTHEST = 1000 * 366 * DAY


def advance(call: Call, customer_id: str, frozen_time: int) -> int:
    """Set the organisation's clock to a later instant (ms), rounded down to seconds, and return it.

    What becomes due for the customer until then is done at once.
    The clock continues from there. (The real service sets a frozen clock of the customer at the payment provider.)
    Raises :class:`ApiError` (400) for an instant that is not later, or too far ahead.
    """
    customer = get_customer(call.environment, customer_id)
    moment = frozen_time // 1000 * 1000
    if moment <= call.now:
        raise invalid_request("frozen_time must be later than the current clock time")
    if moment > min(call.now + FARTHEST, LATEST):
        raise invalid_request("frozen_time is more than a thousand years ahead, or after the year 9989")
    call.environment.clock.set(moment)
    with call.write() as transaction:
        open_account(replace(call, now=moment), transaction, customer)
    return moment
