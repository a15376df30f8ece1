"""Listings of actions that do not document their paging: how large a page may be and where numbering begins is found.

    page 1, smaller if the size is refused, page 0 if all are -> all there (the usual case: done)
                                                              -> on, as with any listing -> all there
                                                              -> rows missing: page 0
         page 0 has rows that were not there yet:       numbering begins at 0
         it is refused, empty, or has rows again:       numbering begins at 1
         still missing, and pages are smaller than asked: that is the service's largest page; all again in that size

What was found is kept in the ledger, but never taken on trust: rows must equal the total, and no row may come on two
pages, since each tells one customer or one allocation. Where that is not reached, the reason names the setting by which
a person can tell how the action pages.
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
"""What is tried where a size is refused."""

_REFUSED_SIZE = "InvalidParameter"
"""How codes begin that can be about a page's size."""
_NO_PAGE = ("FailedOperation", "UnknownShape")
"""How codes begin that, besides refusals, can mean that there is no such page: for some of these actions no code but
FailedOperation is documented."""

_REPEATED = "rows of one of its pages came again on another"

_Row = tuple[str | None, ...]


@dataclass(slots=True)
class Knowledge:
    """What a dataset's listings know of how its action pages; each begins with `guess`. `accepted`: its size was.

    A largest page that was concluded is not among it: it hangs on one listing's total, which may be wrong. Until a size
    is accepted, listings are `alone`, one after the other, so that they need not all be refused.
    """

    account: str
    guess: Paging
    accepted: bool = False
    alone: asyncio.Lock = field(default_factory=asyncio.Lock)


class DiscoveredListing(Listing):
    """A listing whose action does not document its paging. `Paging.documented` says here that the search is over."""

    def __init__(self, knowledge: Knowledge, *listing: Any, **callbacks: Any) -> None:
        super().__init__(*listing, **callbacks)
        self._knowledge = knowledge

    async def _ask_all(self, attempt: int) -> None:
        async with self._knowledge.alone:
            if not self._knowledge.accepted:
                await self._find_all(attempt)
                return
        await self._find_all(attempt)

    async def _find_all(self, attempt: int) -> None:
        paging = await self._begin(attempt)
        if paging.documented or self._entries(attempt)[paging.first].rows >= paging.size:
            await self._ask_pages(attempt, paging)
        if not paging.documented and self._is_short(attempt):
            paging = await self._search(attempt, paging)
            await self._ask_pages(attempt, paging)
        await self._confirm(attempt, paging)

    async def _begin(self, attempt: int) -> Paging:
        """Ask the first page in the largest size that is not refused; return how it was asked."""
        kept = self._ledger.paging(self._slice, attempt)
        refusals: list[RequestRefused] = []
        for paging in _tries(kept or self._knowledge.guess):
            if paging not in (kept, self._paging):
                self._ledger.settle(self._slice, attempt, paging)
            try:
                await self._ask_first(attempt, paging.first, paging)
            except RequestRefused as error:
                if not error.code.startswith(_REFUSED_SIZE) or self._was_accepted(paging):
                    raise
                self._progress(1, 0)
                refusals.append(error)
            else:
                if not paging.documented and not self._knowledge.accepted:
                    self._knowledge.guess, self._knowledge.accepted = paging, True
                return paging
        raise refusals[0]

    def _was_accepted(self, paging: Paging) -> bool:
        known = self._knowledge
        return paging.documented or (known.accepted and paging.size <= known.guess.size)

    def _is_short(self, attempt: int) -> bool:
        entries = list(self._entries(attempt).values())
        return sum(entry.rows for entry in entries) < (1 if entries[0].total is None else entries[0].total)

    async def _search(self, attempt: int, paging: Paging) -> Paging:
        """Find out what page 0 is and whether a page's size is capped; return how to page from now on."""
        told = await self._new_page_0(attempt, paging) if paging.first else None
        entries = list(self._entries(attempt).values())
        sizes = [entry.rows for entry in entries] + ([told[0].rows.num_rows] if told else [])
        capped = sum(sizes) < (entries[0].total or 0) and 0 < max(sizes) < paging.size
        found = Paging(size=max(sizes) if capped else paging.size, first=0 if told else paging.first)
        if told:
            self._knowledge.guess = replace(self._knowledge.guess, first=0)
            if not capped:
                self._store(told[0], attempt, told[1])
        self._ledger.settle(self._slice, attempt, found, anew=capped)
        return found

    async def _new_page_0(self, attempt: int, paging: Paging) -> tuple[Page, int | None] | None:
        """Ask for page 0; return it and its total if it has rows, and none of those that came on another page."""
        self._progress(0, 1)
        told = await self._call_for(0, paging)
        self._progress(1, 0)
        rows = _rows(told[0]) if told else set()
        return told if rows and not any(rows & _rows(page) for page in self._stored(attempt)) else None

    async def _ask(self, attempt: int, number: int, paging: Paging | None) -> Entry:
        """Ask a page; one after the first may be refused: then there is none, which needs no keeping."""
        if paging is None or number == paging.first:
            return await super()._ask(attempt, number, paging)
        told = await self._call_for(number, paging)
        self._progress(1, 0)
        if told is None:
            return replace(self._entries(attempt)[paging.first], number=number, rows=0, digest="")
        return self._store(told[0], attempt, told[1])

    async def _call_for(self, number: int, paging: Paging) -> tuple[Page, int | None] | None:
        """Ask for a page that may not exist; None if the service says so."""
        try:
            return await self._call(number, paging)
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
            faults.append("the API gives no total to tell whether all rows came")
        elif _REPEATED not in faults and rows >= (total or 0):
            return faults
        action = self._dataset.action.name
        setting = f"[accounts.{self._knowledge.account}.paging.{action}]"
        advice = f"how it pages is not documented: if this stays, set `first` and `size` in {setting} of accounts.toml"
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


def _tries(paging: Paging) -> list[Paging]:
    """Return how a first page is asked, one after the other, while it is refused."""
    smaller = [replace(paging, size=size) for size in SMALLER_SIZES if size < paging.size]
    return [paging, *smaller, *([replace(paging, first=0)] if paging.first else [])]


def _rows(page: Page) -> set[_Row]:
    return set(zip(*(column.to_pylist() for column in page.rows.columns), strict=True))
