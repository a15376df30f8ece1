"""Parsing of replies: the rows, the total and the other members of a reply, by the action's definition, as a page."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

from pipelines.errors import RequestUnanswered
from pipelines.pages import Page, Slice, text_rows

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from pipelines.endpoints.shapes import Action, Dataset

_LARGEST_TOTAL = 10**9


class ApiReply(Protocol):
    """A reply of the API: the decoded `Response` member with numbers as text, and when it was received (UTC)."""

    @property
    def response(self) -> dict[str, Any]: ...  # noqa: D102
    @property
    def request_id(self) -> str: ...  # noqa: D102
    @property
    def received_at(self) -> datetime: ...  # noqa: D102


class ApiDownload(Protocol):
    """A downloaded file: its path and its SHA-256 (hex)."""

    @property
    def path(self) -> Path: ...  # noqa: D102
    @property
    def digest(self) -> str: ...  # noqa: D102


class ApiCaller(Protocol):
    """The part of a client that extract uses."""

    async def call(self, action: Action, parameters: Mapping[str, object]) -> ApiReply:
        """Send one request. Raises RequestFailed."""
        ...

    async def download(self, url: str, folder: Path) -> ApiDownload:
        """Fetch the file behind a link. Raises RequestUnanswered and StorageFailed, without the link."""
        ...


def page_of(reply: ApiReply, dataset: Dataset, slice_: Slice, number: int) -> tuple[Page, int | None]:
    """Parse a reply into its page and total (None if it gives no total).

    Raises RequestUnanswered if the reply does not have the shape of the action's definition.
    """
    action = dataset.action
    try:
        rows = _rows(reply.response, action)
        page = Page(
            slice_.customer_uin,
            number,
            reply.request_id,
            reply.received_at,
            text_rows(rows, dataset.columns),
            slice_params=slice_.slice_params,
            reply=_beside_rows(reply.response, action),
            fields=frozenset().union(*rows),
        )
        return page, _total(reply.response, action.total)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise unknown_shape(reply, action, slice_, error) from error


def unknown_shape(reply: ApiReply, action: Action, slice_: Slice, error: Exception) -> RequestUnanswered:
    """Return the error for a reply that does not have the shape of the action's definition.

    Of `error` only the type is shown, since its message could hold a value of the reply.
    """
    return RequestUnanswered(
        f"The reply of {action.name} does not have the documented shape ({type(error).__name__}; "
        f"RequestId {reply.request_id}). Run again; if this stays, the API has changed.",
        action=action.name,
        code="UnknownShape",
        request_id=reply.request_id,
        customer_uin=slice_.customer_uin,
    )


def _rows(response: dict[str, Any], action: Action) -> list[dict[str, Any]]:
    """Return the rows: the declared list (null: no rows), the one declared object, or the reply itself."""
    if action.rows is None:
        return [{name: value for name, value in response.items() if name != "RequestId"}]
    rows = response[action.rows]
    declared = next(member.type for member in action.fields if member.name == action.rows)
    if declared == "object" and isinstance(rows, dict):
        return [rows]
    if rows is None or (declared != "object" and isinstance(rows, list)):
        return rows or []
    raise TypeError(f"{action.rows} is not {declared}")


def _total(response: dict[str, Any], path: str | None) -> int | None:
    """Return the total, sent as number or text; None if it or an object around it is null, or there is no total."""
    value: Any = response
    for name in path.split(".") if path else ():
        value = value[name]
        if value is None:
            return None
    if path is None:
        return None
    total = int(value)
    if not 0 <= total <= _LARGEST_TOTAL:
        raise ValueError("not a number of rows")
    return total


def _beside_rows(response: dict[str, Any], action: Action) -> str | None:
    """Return the other members of a reply as JSON: without its rows, total and id. Half an emoji stays escaped."""
    if action.rows is None:
        return None
    rest = {name: value for name, value in response.items() if name not in (action.rows, action.total, "RequestId")}
    if not rest:
        return None
    return json.dumps(rest, ensure_ascii=False, separators=(",", ":")).encode(errors="backslashreplace").decode()
