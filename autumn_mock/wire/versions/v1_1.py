"""Version 1.1: a check answers with one balance in place of a list."""

from __future__ import annotations

from autumn_mock.wire.versions.declaration import Json, VersionChanges


def _check(body: Json) -> Json:
    if "balance" not in body:
        return {"allowed": body["allowed"], "balances": []}
    entry: Json = {"feature_id": body["feature_id"]}
    if body["unlimited"]:
        entry |= {"unlimited": True}
    else:
        entry |= {"required": body["required_balance"], "balance": body["balance"]}
    return {"allowed": body["allowed"], "balances": [entry]}


CHANGES = VersionChanges(answers={"CheckBody": _check})
