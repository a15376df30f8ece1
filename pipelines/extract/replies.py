"""A reply becomes a page: its rows, its total and what else it holds, by the action's definition.

What is asked when is not known here, nor what a page proves.
"""

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
    """What a caller gives back: the decoded `Response` member, numbers as text; `received_at` in UTC."""

    @property
    def response(self) -> dict[str, Any]: ...  # noqa: D102
    @property
    def request_id(self) -> str: ...  # noqa: D102
    @property
    def received_at(self) -> datetime: ...  # noqa: D102


class ApiDownload(Protocol):
    """A downloaded file: where it is, and its SHA-256 (hex)."""

    @property
    def path(self) -> Path: ...  # noqa: D102
    @property
    def digest(self) -> str: ...  # noqa: D102


class ApiCaller(Protocol):
    """What extract needs of a client."""

    async def call(self, action: Action, parameters: Mapping[str, object]) -> ApiReply:
        """Send one request. Raises RequestFailed."""
        ...

    async def download(self, url: str, folder: Path) -> ApiDownload:
        """Fetch the file behind a link. Raises RequestUnanswered and StorageFailed; neither tells the link."""
        ...


def page_of(reply: ApiReply, dataset: Dataset, slice_: Slice, number: int) -> tuple[Page, int | None]:
    """Return a reply's page and its total (None: it tells none). Raises RequestUnanswered if it has another shape."""
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
        raise strange(reply, action, slice_, error) from error


def strange(reply: ApiReply, action: Action, slice_: Slice, error: Exception) -> RequestUnanswered:
    """Return the failure of a reply whose shape is not the definition's. `error` gives its kind only, never a value."""
    return RequestUnanswered(
        f"{action.name} answered in a shape that its definition does not have ({type(error).__name__}; "
        f"RequestId {reply.request_id}). Run again; if it stays, the API has changed.",
        action=action.name,
        code="UnknownShape",
        request_id=reply.request_id,
        customer_uin=slice_.customer_uin,
    )


def _rows(response: dict[str, Any], action: Action) -> list[dict[str, Any]]:
    """Return the rows: a declared list, the one object declared in its place (null: none), or the reply itself."""
    if action.rows is None:
        return [{name: value for name, value in response.items() if name != "RequestId"}]
    rows = response[action.rows]
    declared = next(member.type for member in action.fields if member.name == action.rows)
    if declared == "object" and isinstance(rows, dict):
        return [rows]
    if rows is None or (declared != "object" and isinstance(rows, list)):
        return rows or []
    raise TypeError(f"{action.rows} is no {declared}")


def _total(response: dict[str, Any], path: str | None) -> int | None:
    """Return the total, a number or a text; null, also of the object around it, says that it is not known."""
    value: Any = response
    for name in path.split(".") if path else ():
        value = value[name]
        if value is None:
            return None
    if path is None:
        return None
    total = int(value)
    if not 0 <= total <= _LARGEST_TOTAL:
        raise ValueError("no number of rows")
    return total


def _beside_rows(response: dict[str, Any], action: Action) -> str | None:
    """Return as JSON what a reply holds beside its rows, their total and its id; half an emoji stays an escape."""
    if action.rows is None:
        return None
    rest = {name: value for name, value in response.items() if name not in (action.rows, action.total, "RequestId")}
    if not rest:
        return None
    return json.dumps(rest, ensure_ascii=False, separators=(",", ":")).encode(errors="backslashreplace").decode()
