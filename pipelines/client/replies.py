"""A body becomes a reply, or a fault with a code. What a code means is `codes`' business.

Any request that the gateway handled is answered with HTTP 200, errors included, as
`{"Response": {..., "RequestId"}}` or `{"Response": {"Error": {"Code", "Message"}, "RequestId"}}` (document 271/2056).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipelines import pages

if TYPE_CHECKING:
    from datetime import datetime

_OK = 200


@dataclass(frozen=True, slots=True)
class Reply:
    """What the API answered: its member `Response`, every number as the text that was sent; `received_at` is in UTC."""

    response: dict[str, Any]
    request_id: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class ApiFault:
    """Why there is no reply: the API's code and words, or ours with a code that begins with `HTTP.`."""

    code: str
    text: str
    request_id: str | None = None


def read(status: int, body: bytes, received_at: datetime) -> Reply | ApiFault:
    """Return the reply in `body`, or the fault that it tells or is."""
    if status != _OK:
        return ApiFault(f"HTTP.{status}", f"the endpoint answered with HTTP status {status}")
    try:
        envelope = pages.decode(body.decode())
    except (ValueError, RecursionError):
        return ApiFault("HTTP.NotJson", f"the answer is no JSON, or cut off ({len(body)} bytes)")
    response = envelope.get("Response") if isinstance(envelope, dict) else None
    if not isinstance(response, dict):
        return ApiFault("HTTP.NoResponse", "the answer is JSON without the member Response")
    request_id = response.get("RequestId")
    if not (isinstance(request_id, str) and request_id):
        request_id = None
    if "Error" in response:
        return _told(response["Error"], request_id)
    if request_id is None:
        return ApiFault("HTTP.NoRequestId", "the answer has no RequestId")
    return Reply(response, request_id, received_at)


def _told(error: Any, request_id: str | None) -> ApiFault:
    code, message = (error.get("Code"), error.get("Message")) if isinstance(error, dict) else (None, None)
    if not (isinstance(code, str) and code):
        return ApiFault("HTTP.NoCode", "the answer tells an error without a code", request_id)
    return ApiFault(code, message if isinstance(message, str) and message else "no message", request_id)
