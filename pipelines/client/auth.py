"""Access keys, and the TC3-HMAC-SHA256 signatures made with them."""

from __future__ import annotations

import hashlib
import hmac
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx

from pipelines.endpoints import SERVICE
from pipelines.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

ALGORITHM = "TC3-HMAC-SHA256"
SIGNED_HEADERS = "content-type;host"  # the same headers as the official SDKs


@dataclass(frozen=True)
class Credential:
    """One access key. `token` is for temporary keys only. repr shows only the first letters of the id.

    Raises SettingError if a value cannot be sent in a header, such as a key pasted with a line break: the HTTP library
    would show it in its own error.
    """

    secret_id: str = field(repr=False)
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name, value in (("id", self.secret_id), ("key", self.secret_key), ("token", self.token)):
            if value is not None and not (value and value.isascii() and value.isprintable() and " " not in value):
                raise SettingError(
                    f"The secret {name} is empty or has a character that no key has, such as a space or a line break: "
                    "copy it again from the console."
                )

    def __repr__(self) -> str:
        return f"Credential({self.secret_id[:4]}***)"

    def redacted(self, text: str) -> str:
        """Return `text` with every value of this credential replaced by `***`."""
        for secret in (self.secret_key, self.token, self.secret_id):
            if secret:
                text = text.replace(secret, "***")
        return text


class Tc3Auth(httpx.Auth):
    """Signs each request when it is sent: its exact body bytes, its Content-Type and Host, and the current time.

    `clock` gives Unix seconds. It must be the real time, not the billing clock: the service refuses a signature more
    than five minutes off (document 1085/51426). The steps are those of document 1085/51409.
    """

    requires_request_body = True

    def __init__(
        self, credential: Credential, *, service: str = SERVICE, clock: Callable[[], float] = time.time
    ) -> None:
        self._credential = credential
        self._service = service
        self._clock = clock

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the headers X-TC-Timestamp, Authorization and, for a temporary key, X-TC-Token."""
        timestamp = int(self._clock())
        request.headers["X-TC-Timestamp"] = str(timestamp)
        if self._credential.token:
            request.headers["X-TC-Token"] = self._credential.token
        request.headers["Authorization"] = authorization(
            self._credential,
            self._service,
            timestamp,
            content_type=request.headers["Content-Type"],
            host=request.headers["Host"],
            body=request.content,
        )
        yield request


def authorization(
    credential: Credential, service: str, timestamp: int, *, content_type: str, host: str, body: bytes
) -> str:
    """Return the Authorization header of a POST to `/`. `timestamp` is in Unix seconds."""
    day = datetime.fromtimestamp(timestamp, UTC).date().isoformat()
    scope = f"{day}/{service}/tc3_request"
    canonical = (
        f"POST\n/\n\ncontent-type:{content_type.strip().lower()}\nhost:{host.strip().lower()}\n\n"
        f"{SIGNED_HEADERS}\n{hashlib.sha256(body).hexdigest()}"
    )
    to_sign = f"{ALGORITHM}\n{timestamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"TC3{credential.secret_key}".encode()
    for part in (day, service, "tc3_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    return (
        f"{ALGORITHM} Credential={credential.secret_id}/{scope}, SignedHeaders={SIGNED_HEADERS}, Signature={signature}"
    )
