"""Turns the body of a response into a reply, or into a fault with a code.

The API answers with HTTP status 200 even for errors:
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
    """A reply of the API: its `Response` object, with every number as the text that was sent. `received_at` is UTC."""

    response: dict[str, Any]
    request_id: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class ApiFault:
    """Why there is no reply: the API's error code and message, or the client's own with a code `HTTP.<...>`."""

    code: str
    text: str
    request_id: str | None = None


def read(status: int, body: bytes, received_at: datetime) -> Reply | ApiFault:
    """Return the reply in a body, or the fault: an error that the API reports, or a body that is not a reply."""
    if status != _OK:
        return ApiFault(f"HTTP.{status}", f"the endpoint answered with HTTP status {status}")
    try:
        envelope = pages.decode(body.decode())
    except (ValueError, RecursionError):
        return ApiFault("HTTP.NotJson", f"the answer is not JSON, or is cut off ({len(body)} bytes)")
    response = envelope.get("Response") if isinstance(envelope, dict) else None
    if not isinstance(response, dict):
        return ApiFault("HTTP.NoResponse", "the answer has no object Response")
    request_id = response.get("RequestId")
    if not (isinstance(request_id, str) and request_id):
        request_id = None
    if "Error" in response:
        return _api_fault(response["Error"], request_id)
    if request_id is None:
        return ApiFault("HTTP.NoRequestId", "the answer has no RequestId")
    return Reply(response, request_id, received_at)


def _api_fault(error: Any, request_id: str | None) -> ApiFault:
    code, message = (error.get("Code"), error.get("Message")) if isinstance(error, dict) else (None, None)
    if not (isinstance(code, str) and code):
        return ApiFault("HTTP.NoCode", "the answer has an error without a code", request_id)
    return ApiFault(code, message if isinstance(message, str) and message else "no message", request_id)
