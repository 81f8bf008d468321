"""Who calls: the bearer token of a request."""

from __future__ import annotations

from collections.abc import Callable

from autumn_mock.domain.organisation import ApiKey, mask_key
from autumn_mock.operations.errors import ApiError, invalid_request

#: The record of a key that is known.
FindKey = Callable[[str], ApiKey | None]


def authenticate(find: FindKey, path: str, header: str | None, client_type: str | None, *, is_public: bool) -> ApiKey:
    """The key of a request; 401 otherwise. ``is_public``: whether publishable keys may call the route."""
    if client_type == "dashboard":
        raise no_session()
    token = header[len("Bearer ") :].strip() if header is not None and header.startswith("Bearer ") else ""
    if not token:
        raise ApiError(401, "Secret key not found in Authorization header", "no_secret_key")
    if token.startswith(("am_oauth_", "am_jwt_")):
        raise invalid_request("Invalid or expired access token", status=401)
    if token.startswith("am_pk"):
        return _publishable(find, path, token, is_public=is_public)
    if not token.startswith("am_sk"):
        raise invalid_request("Invalid authorization token prefix", status=401)
    key = find(token)
    if key is None or key.publishable:
        raise _unknown_secret_key(mask_key(token))
    return key


def revoked(key: ApiKey) -> ApiError:
    """What a key is told that was good once: the same as one that never was."""
    return _unknown_publishable_key() if key.publishable else _unknown_secret_key(key.hint)


def _unknown_secret_key(hint: str) -> ApiError:
    return ApiError(401, f"Invalid secret key: {hint}", "invalid_secret_key")


def _unknown_publishable_key() -> ApiError:
    return ApiError(401, "Invalid publishable key", "invalid_publishable_key")


def _publishable(find: FindKey, path: str, token: str, *, is_public: bool) -> ApiKey:
    if not is_public:
        raise ApiError(
            401,
            f"Endpoint {path} not accessible via publishable key. Please try with a secret key instead.",
            "endpoint_not_public",
        )
    key = find(token)
    if key is None or not key.publishable or not token.startswith(("am_pk_test", "am_pk_live")):
        raise _unknown_publishable_key()
    return key


def no_session() -> ApiError:
    """What a request for the dashboard, or for nothing that exists, is told."""
    return ApiError(401, "Unauthorized - no session found", "no_auth_header")
