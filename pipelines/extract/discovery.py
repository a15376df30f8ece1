"""Listings of actions that do not document their paging: the page size and the first page number are discovered.

    page 1, smaller if the size is refused, page 0 if all sizes are -> all rows came (the usual case: done)
                                                                    -> fetch on, as in any listing -> all rows came
                                                                    -> rows are missing: fetch page 0
         page 0 has rows that did not come before:              numbering begins at 0
         it is refused, empty, or repeats rows:                 numbering begins at 1
         still missing, and pages are smaller than requested:   that is the largest page; fetch all again in that size

What was discovered is kept in the ledger but still checked: the rows must equal the total, and no row may come on two
pages, since each row is one customer or one allocation. If the check fails, the reason names the setting by which a
person can state how the action pages.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pipelines.endpoints.shapes import Paging
from pipelines.errors import CredentialRefused, RequestFailed, RequestRefused
from pipelines.extract.listing import Listing
from pipelines.pages import EXTRA

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pipelines.extract.ledger import Entry
    from pipelines.pages import Page

SMALLER_SIZES = (100, 50, 20, 10)
"""Page sizes to try when a size is refused."""

_REFUSED_SIZE = "InvalidParameter"
"""Prefix of error codes that can mean that the page size is refused."""
_NO_PAGE = ("FailedOperation", "UnknownShape")
"""Prefixes of error codes that, besides refusals, can mean that a page does not exist. Some of these actions document
FailedOperation only."""

_REPEATED = "rows of one page came again on another page"

_Row = tuple[str | None, ...]


@dataclass(slots=True)
class SharedPaging:
    """What the listings of a dataset have learned from each other about its paging.

    A largest page size that one listing concluded is not shared: it depends on that listing's total, which may be
    wrong.
    """

    account: str
    guess: Paging
    """The paging that a listing tries first."""
    is_accepted: bool = False
    """Whether the service has accepted the size of `guess`."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by a listing until a size is accepted, so that not all of them are refused."""


class DiscoveredListing(Listing):
    """A listing of an action that does not document its paging.

    Here `Paging.documented` means that the paging is settled.
    """

    def __init__(self, shared: SharedPaging, *listing: Any, **callbacks: Any) -> None:
        super().__init__(*listing, **callbacks)
        self._shared = shared

    async def _fetch_all(self, attempt: int) -> None:
        async with self._shared.lock:
            if not self._shared.is_accepted:
                await self._discover_all(attempt)
                return
        await self._discover_all(attempt)

    async def _discover_all(self, attempt: int) -> None:
        paging = await self._fetch_accepted_first(attempt)
        if paging.documented or self._entries(attempt)[paging.first].rows >= paging.size:
            await self._fetch_pages(attempt, paging)
        if not paging.documented and self._has_missing_rows(attempt):
            paging = await self._search(attempt, paging)
            await self._fetch_pages(attempt, paging)
        await self._confirm(attempt, paging)

    async def _fetch_accepted_first(self, attempt: int) -> Paging:
        """Fetch the first page in the largest size that is not refused; return the paging that was accepted."""
        kept = self._ledger.paging(self._slice, attempt)
        refusals: list[RequestRefused] = []
        for paging in _first_pagings(kept or self._shared.guess):
            if paging not in (kept, self._paging):
                self._ledger.settle(self._slice, attempt, paging)
            try:
                await self._fetch_first(attempt, paging.first, paging)
            except RequestRefused as error:
                if not error.code.startswith(_REFUSED_SIZE) or self._was_accepted(paging):
                    raise
                self._progress(1, 0)
                refusals.append(error)
            else:
                if not paging.documented and not self._shared.is_accepted:
                    self._shared.guess, self._shared.is_accepted = paging, True
                return paging
        raise refusals[0]

    def _was_accepted(self, paging: Paging) -> bool:
        """Whether the service has accepted a page of this size before."""
        shared = self._shared
        return paging.documented or (shared.is_accepted and paging.size <= shared.guess.size)

    def _has_missing_rows(self, attempt: int) -> bool:
        entries = list(self._entries(attempt).values())
        return sum(entry.rows for entry in entries) < (1 if entries[0].total is None else entries[0].total)

    async def _search(self, attempt: int, paging: Paging) -> Paging:
        """Find out whether page 0 exists and whether the page size is capped; return the paging to use from now on."""
        page_0 = await self._new_page_0(attempt, paging) if paging.first else None
        entries = list(self._entries(attempt).values())
        sizes = [entry.rows for entry in entries] + ([page_0[0].rows.num_rows] if page_0 else [])
        capped = sum(sizes) < (entries[0].total or 0) and 0 < max(sizes) < paging.size
        found = Paging(size=max(sizes) if capped else paging.size, first=0 if page_0 else paging.first)
        if page_0:
            self._shared.guess = replace(self._shared.guess, first=0)
            if not capped:
                self._store(page_0[0], attempt, page_0[1])
        self._ledger.settle(self._slice, attempt, found, anew=capped)
        return found

    async def _new_page_0(self, attempt: int, paging: Paging) -> tuple[Page, int | None] | None:
        """Fetch page 0; return it and its total if it has rows and none of them came on another page."""
        self._progress(0, 1)
        answer = await self._request_if_exists(0, paging)
        self._progress(1, 0)
        rows = _rows(answer[0]) if answer else set()
        return answer if rows and not any(rows & _rows(page) for page in self._stored(attempt)) else None

    async def _fetch_page(self, attempt: int, number: int, paging: Paging | None) -> Entry:
        """Fetch a page. If a page after the first is refused, it does not exist: return an entry without rows."""
        if paging is None or number == paging.first:
            return await super()._fetch_page(attempt, number, paging)
        answer = await self._request_if_exists(number, paging)
        self._progress(1, 0)
        if answer is None:
            return replace(self._entries(attempt)[paging.first], number=number, rows=0, digest="")
        return self._store(answer[0], attempt, answer[1])

    async def _request_if_exists(self, number: int, paging: Paging) -> tuple[Page, int | None] | None:
        """Request a page that may not exist; return None if it does not."""
        try:
            return await self._request(number, paging)
        except CredentialRefused:
            raise
        except RequestFailed as error:
            if isinstance(error, RequestRefused) or error.code.startswith(_NO_PAGE):
                return None
            raise

    def _faults(self, attempt: int, entries: Sequence[Entry]) -> list[str]:
        faults = super()._faults(attempt, entries)
        rows, total = sum(entry.rows for entry in entries), entries[0].total
        if total is None and rows:
            faults.append("the API gives no total to check that all rows came")
        elif _REPEATED not in faults and rows >= (total or 0):
            return faults
        action = self._dataset.action.name
        setting = f"[accounts.{self._shared.account}.paging.{action}]"
        problem = f"how {action} pages is not documented and could not be detected"
        advice = f"{problem}: if this stays, set `first` and `size` in {setting} of accounts.toml"
        return [*faults, advice]

    def _repeats(self, attempt: int, entries: Iterable[Entry]) -> str:
        if sum(1 for entry in entries if entry.rows) <= 1:
            return ""
        seen: set[_Row] = set()
        for page in self._stored(attempt):
            rows = _rows(page)
            if seen & rows:
                return _REPEATED
            seen |= rows
        return ""

    def _stored(self, attempt: int) -> Iterator[Page]:
        columns = pa.schema([(name, pa.string()) for name in (*self._dataset.columns, EXTRA)])
        return self._ledger.pages(self._slice, attempt, columns)


def _first_pagings(paging: Paging) -> list[Paging]:
    """Return the pagings to try for the first page, one after the other until one is not refused."""
    smaller = [replace(paging, size=size) for size in SMALLER_SIZES if size < paging.size]
    return [paging, *smaller, *([replace(paging, first=0)] if paging.first else [])]


def _rows(page: Page) -> set[_Row]:
    return set(zip(*(column.to_pylist() for column in page.rows.columns), strict=True))
