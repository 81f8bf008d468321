"""Errors as Autumn returns them: a status, a message, a code (contract 1.5)."""

from __future__ import annotations

#: How the message about a secret key that opens no organisation begins; the masked key follows.
UNKNOWN_KEY = "Invalid secret key: "


class ApiError(Exception):
    """The error of a call. ``retry_after`` is in seconds."""

    def __init__(self, status: int, message: str, code: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.retry_after = retry_after
        #: What the log and the journal say besides; the reply does not have it.
        self.note = ""


def invalid_request(message: str, status: int = 400) -> ApiError:
    return ApiError(status, message, "invalid_request")


def customer_not_found(customer_id: str | None) -> ApiError:
    return ApiError(404, f"Customer {customer_id} not found", "customer_not_found")


def entity_not_found(entity_id: str) -> ApiError:
    return ApiError(404, f"Entity {entity_id} not found", "entity_not_found")


def feature_not_found(feature_id: str) -> ApiError:
    return ApiError(404, f"Feature {feature_id} not found", "feature_not_found")


def event_name_not_found(event_name: str) -> ApiError:
    return ApiError(404, f"No features found for event name: {event_name}", "invalid_request")


def plan_not_found(plan_id: str, version: float | None = None) -> ApiError:
    which = f"{plan_id} (version {version})" if version is not None else plan_id
    return ApiError(404, f"Product {which} not found", "product_not_found")


def insufficient_balance(value: int | float, feature_id: str) -> ApiError:
    text = int(value) if value == int(value) else value
    return ApiError(400, f"Insufficient balance to deduct {text} from feature {feature_id}", "insufficient_balance")


def duplicate_idempotency_key(key: str) -> ApiError:
    return ApiError(
        409, f"Another request with idempotency key {key} has already been received", "duplicate_idempotency_key"
    )


def queue_unavailable() -> ApiError:
    return ApiError(503, "Async track is not available right now", "internal_error", retry_after=1)


def service_unavailable() -> ApiError:
    """The error of calls that do not queue."""
    return ApiError(
        503, "Service is temporarily unavailable, please retry shortly.", "service_unavailable", retry_after=1
    )


def database_unavailable() -> ApiError:
    return ApiError(503, "The database cannot be written right now", "internal_error", retry_after=1)


def no_stripe() -> ApiError:
    """The error of everything that needs a payment provider."""
    return invalid_request(
        "There is no Stripe account linked to this organization. "
        "Please connect it here: https://app.useautumn.com/sandbox/dev?tab=stripe"
    )


def invalid_inputs_inside() -> ApiError:
    """Inputs that pass the request's schema and fail a later one."""
    return ApiError(500, "input: Invalid input", "invalid_inputs")
