"""Authentication by the bearer token of a request (contract 1.2)."""

from __future__ import annotations

from flask import Request

from autumn_mock.domain.organisation import ApiKey, Env, mask_key
from autumn_mock.operations.errors import UNKNOWN_KEY, ApiError, invalid_request
from autumn_mock.web.context import RequestContext

#: The variable of the environ with the :class:`ApiKey` of a request that the control API makes for an environment.
ACTING_KEY = "autumn_mock.acting_key"


def acting_key(org: str, env: Env) -> ApiKey:
    """What stands for a key in a request that needs none."""
    return ApiKey(hash="", hint="", org_id=org, env=env)


def authenticate(request: RequestContext) -> ApiKey:
    """The key of a request. Raises :class:`ApiError` (401).

    A public call needs none: it acts for the environment that has the session of its path (404: none has it).
    """
    if request.endpoint is not None and request.endpoint.keyless:
        from autumn_mock.operations.billing.checkouts import environment_of, unavailable

        environment = environment_of(request.engine.state.environments(), request.path["checkout_id"])
        if environment is None:
            raise unavailable()
        return acting_key(*environment.name)
    if request.header("X_CLIENT_TYPE") == "dashboard":
        raise no_session()
    token = _token(request.http)
    if not token:
        acting: ApiKey | None = request.http.environ.get(ACTING_KEY)
        if acting is not None:
            return acting
        raise ApiError(401, "Secret key not found in Authorization header", "no_secret_key")
    if token.startswith(("am_oauth_", "am_jwt_")):
        raise invalid_request("Invalid or expired access token", status=401)
    if token.startswith("am_pk"):
        return _publishable(request, token)
    if not token.startswith("am_sk"):
        raise invalid_request("Invalid authorization token prefix", status=401)
    key = request.engine.find_key(token)
    if key is None or key.publishable:
        raise _unknown_secret_key(mask_key(token))
    return key


def _publishable(request: RequestContext, token: str) -> ApiKey:
    endpoint = request.endpoint
    if endpoint is None or request.route not in endpoint.public or request.http.method == "HEAD":
        raise ApiError(
            401,
            f"Endpoint {request.http.path} not accessible via publishable key. Please try with a secret key instead.",
            "endpoint_not_public",
        )
    key = request.engine.find_key(token)
    if key is None or not key.publishable or not token.startswith(("am_pk_test", "am_pk_live")):
        raise _unknown_publishable_key()
    return key


def revoked(key: ApiKey, http: Request) -> ApiError:
    """The error for the key of a request that was valid before: the same as for one that never was."""
    return _unknown_publishable_key() if key.publishable else _unknown_secret_key(mask_key(_token(http)))


def _token(http: Request) -> str:
    """The token of a request; empty if it has none."""
    scheme, _, token = http.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    return token.strip() if scheme == "Bearer" else ""


def _unknown_secret_key(hint: str) -> ApiError:
    return ApiError(401, f"{UNKNOWN_KEY}{hint}", "invalid_secret_key")


def _unknown_publishable_key() -> ApiError:
    return ApiError(401, "Invalid publishable key", "invalid_publishable_key")


def no_session() -> ApiError:
    """The error for a request to the dashboard, or to a route that is not served."""
    return ApiError(401, "Unauthorized - no session found", "no_auth_header")


def unknown_key() -> ApiError:
    """The error for a control request whose key belongs to no organisation."""
    return ApiError(401, "No organisation here has this key", "invalid_secret_key")
