"""Who may call: checks the TC3-HMAC-SHA256 signature of a request against the known access keys.

Written from the documents (1085/51409 and the signature guide) and on purpose not from the client's code, so that each
can reveal the other's mistakes. Signatures are checked against the real time, not the billing clock.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pipelines.endpoints import SERVICE
from pipelines.sandbox.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipelines.endpoints.shapes import Role

DRIFT = 300
"""Largest difference of a timestamp from the server's time, in seconds."""

_AUTHORIZATION = re.compile(
    r"TC3-HMAC-SHA256 Credential=(?P<id>[^/,\s]+)/"
    r"(?P<scope>(?P<date>\d{4}-\d\d-\d\d)/(?P<service>[^/,\s]+)/tc3_request), ?"
    r"SignedHeaders=(?P<headers>[a-z0-9;-]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True)
class Principal:
    """An access key and the account it belongs to.

    A key with a `token` is temporary: the token must come with every request. `uin` is the account; None is the world's
    first account of that role (`World.default_uin`).
    """

    secret_id: str
    secret_key: str = field(repr=False)
    role: Role
    token: str | None = field(default=None, repr=False)
    uin: str | None = None


def verified(headers: Mapping[str, str], body: bytes, principals: Mapping[str, Principal], now: float) -> Principal:
    """Return the principal that signed a request. `now` is the real time in seconds since 1970.

    Raises Refusal with AuthFailure.InvalidAuthorization, .SecretIdNotFound, .SignatureExpire, .TokenFailure or
    .SignatureFailure.
    """
    claim = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    timestamp = headers.get("x-tc-timestamp", "")
    if claim is None or not re.fullmatch(r"\d{1,12}", timestamp):
        raise Refusal(
            "AuthFailure.InvalidAuthorization", "The Authorization or X-TC-Timestamp header is missing or malformed."
        )
    principal = principals.get(claim["id"])
    if principal is None:
        raise Refusal("AuthFailure.SecretIdNotFound", "The SecretId is not found.")
    if abs(now - int(timestamp)) > DRIFT:
        raise Refusal("AuthFailure.SignatureExpire", "The signature has expired: the timestamp is over 5 minutes off.")
    if headers.get("x-tc-token") != principal.token:
        raise Refusal("AuthFailure.TokenFailure", "The token is not that of the key.")
    day = datetime.fromtimestamp(int(timestamp), UTC).date().isoformat()
    names = claim["headers"].split(";")
    is_valid = (claim["date"], claim["service"]) == (day, SERVICE) and {"content-type", "host"} <= set(names)
    expected = _signature(principal.secret_key, claim["scope"], timestamp, _canonical_request(headers, names, body))
    if not (is_valid and hmac.compare_digest(expected, claim["signature"])):
        raise Refusal("AuthFailure.SignatureFailure", "The signature is not that of the request.")
    return principal


def _canonical_request(headers: Mapping[str, str], names: list[str], body: bytes) -> str:
    unsigned = headers.get("x-tc-content-sha256") == "UNSIGNED-PAYLOAD"
    digest = hashlib.sha256(b"UNSIGNED-PAYLOAD" if unsigned else body).hexdigest()
    signed = "".join(f"{name}:{headers.get(name, '').strip().lower()}\n" for name in sorted(names))
    return f"POST\n/\n\n{signed}\n{';'.join(names)}\n{digest}"


def _signature(secret_key: str, scope: str, timestamp: str, canonical_request: str) -> str:
    digest = hashlib.sha256(canonical_request.encode()).hexdigest()
    key = f"TC3{secret_key}".encode()
    for part in (*scope.split("/"), f"TC3-HMAC-SHA256\n{timestamp}\n{scope}\n{digest}"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key.hex()
