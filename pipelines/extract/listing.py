"""Listing of one slice: every page is fetched once, and the pages are checked to be complete.

    page 1 gives the total -> the other pages side by side -> on past a full last page -> page 1 once more
                                                                                       -> proven, or all again

`discovery` handles actions that do not document their paging, `replies` parses replies, `ledger` stores pages.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipelines.extract.replies import page_of
from pipelines.pages import Page, Proof, SliceResult, exact_sum, exact_sum_of_texts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from datetime import datetime
    from decimal import Decimal

    from pipelines.endpoints.shapes import Dataset, Paging
    from pipelines.extract.ledger import Entry, Ledger
    from pipelines.extract.replies import ApiCaller
    from pipelines.pages import Slice

IN_FLIGHT = 8
"""Requests of one dataset in flight at once, and so the most that are sent again after a kill."""

ATTEMPTS = 3
"""Times that a listing is pulled before its rows are given up as unproven."""


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """A reason to doubt rows that did arrive. If it is `permanent`, pulling again cannot remove it."""

    text: str
    permanent: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """Result of checking the pages of one attempt."""

    rows: int
    expected_rows: int | None
    cost: Decimal | None
    last_fetched_at: datetime
    digests: tuple[str, ...]
    """The digests of all pages."""
    digest: str
    """One digest of all rows. An empty page at the end makes no difference to it."""
    missing: int
    """How many rows fewer came than the API's total says; negative if more came."""
    fault: str
    """What is wrong with the pages; empty if they are proven."""
    permanent: bool
    """Whether pulling again cannot remove the fault."""


class Listing:
    """The pages of one slice of one dataset.

    `paging` is None where one reply holds everything. `slots` limits the requests in flight. `check_cost` checks the
    exact sum of the cost column: in an issued month, bill lines must equal their summary. `progress` is called with the
    pages done and the pages newly known.
    """

    def __init__(
        self,
        dataset: Dataset,
        slice_: Slice,
        parameters: dict[str, Any],
        paging: Paging | None,
        *,
        caller: ApiCaller,
        ledger: Ledger,
        slots: asyncio.Semaphore,
        check_cost: Callable[[Decimal], Awaitable[Discrepancy | None]],
        progress: Callable[[int, int], None],
    ) -> None:
        self._dataset = dataset
        self._slice = slice_
        self._parameters = parameters
        self._paging = paging
        self._caller = caller
        self._ledger = ledger
        self._slots = slots
        self._check_cost = check_cost
        self._progress = progress

    async def pull(self) -> tuple[SliceResult, int]:
        """Pull until proven, at most `ATTEMPTS` times; return the result and the attempt whose pages it is about.

        Raises RequestFailed if a page cannot be fetched.
        """
        verdicts: list[Verdict] = []
        for attempt in range(1, ATTEMPTS + 1):
            stored = len(self._entries(attempt))
            self._progress(stored, stored)
            await self._fetch_all(attempt)
            verdict = await self._judge(attempt)
            if not verdict.fault:
                return self._result(verdict, Proof.PROVEN), attempt
            verdicts.append(verdict)
            if verdict.permanent or _is_repeated(verdicts):
                break
        best = min(range(len(verdicts)), key=lambda index: (abs(verdicts[index].missing), -index))
        return self._result(verdicts[best], Proof.UNPROVEN), best + 1

    def _result(self, verdict: Verdict, proof: Proof) -> SliceResult:
        return SliceResult(
            customer_uin=self._slice.customer_uin,
            slice_params=self._slice.slice_params,
            proof=proof,
            rows=verdict.rows,
            expected_rows=verdict.expected_rows,
            cost=verdict.cost,
            proven_at=verdict.last_fetched_at if proof is Proof.PROVEN else None,
            reason=verdict.fault,
            digest=verdict.digest,
        )

    async def _fetch_all(self, attempt: int) -> None:
        """Fetch every page of an attempt that is not in the ledger yet."""
        if self._paging is None:
            await self._fetch_first(attempt, 1, None)
        else:
            await self._fetch_pages(attempt, self._paging)
            await self._confirm(attempt, self._paging)

    def _entries(self, attempt: int) -> dict[int, Entry]:
        return self._ledger.entries(self._slice, attempt)

    async def _fetch_first(self, attempt: int, number: int, paging: Paging | None) -> Entry:
        stored = self._entries(attempt).get(number)
        if stored:
            return stored
        self._progress(0, 1)
        return await self._fetch_page(attempt, number, paging)

    async def _fetch_pages(self, attempt: int, paging: Paging) -> None:
        """Fetch the first page, then side by side those that its total promises, then any after a full last page."""
        first = await self._fetch_first(attempt, paging.first, paging)
        entries = self._entries(attempt)
        others = range(paging.first + 1, paging.first + math.ceil((first.total or 0) / paging.size))
        wanted = [number for number in others if number not in entries]
        self._progress(0, len(wanted))
        await _side_by_side(wanted, lambda number: self._fetch_page(attempt, number, paging))
        await self._fetch_beyond(attempt, paging)

    async def _fetch_beyond(self, attempt: int, paging: Paging) -> None:
        """Fetch pages after a full last page until one is not full, since the total may lag behind the rows.

        Where the API gives no total, fetch until a page is empty. Stop if pages repeat.
        """
        entries = self._entries(attempt)
        last = max(entries)
        while entries[last].rows >= (1 if entries[last].total is None else paging.size):
            if self._repeats(attempt, entries.values()):
                return
            last += 1
            self._progress(0, 1)
            entries[last] = await self._fetch_page(attempt, last, paging)

    async def _confirm(self, attempt: int, paging: Paging) -> None:
        """Fetch the first of several pages once more, to see whether the listing changed while it was paged."""
        entries = self._entries(attempt)
        first = entries[paging.first]
        if first.total is None:
            several = sum(1 for entry in entries.values() if entry.rows) > 1
        else:
            several = first.total > paging.size
        if not several or self._ledger.confirmation(self._slice, attempt) is not None:
            return
        self._progress(0, 1)
        page, total = await self._request(first.number, paging)
        stood_still = page.digest == first.digest and total == first.total
        self._ledger.confirm(self._slice, attempt, stood_still=stood_still)
        self._progress(1, 0)

    async def _fetch_page(self, attempt: int, number: int, paging: Paging | None) -> Entry:
        page, total = await self._request(number, paging)
        entry = self._store(page, attempt, total)
        self._progress(1, 0)
        return entry

    def _store(self, page: Page, attempt: int, total: int | None) -> Entry:
        cost = exact_sum_of_texts(_texts(page, self._dataset.cost)) if self._dataset.cost else None
        return self._ledger.store(page, attempt, total, cost)

    async def _request(self, number: int, paging: Paging | None) -> tuple[Page, int | None]:
        page_parameters = {"Page": number, "PageSize": paging.size} if paging else {}
        async with self._slots:
            reply = await self._caller.call(self._dataset.action, {**self._parameters, **page_parameters})
        return page_of(reply, self._dataset, self._slice, number)

    async def _judge(self, attempt: int) -> Verdict:
        """Check the pages of an attempt."""
        entries = list(self._entries(attempt).values())
        rows = sum(entry.rows for entry in entries)
        expected = entries[0].total
        costs = [entry.cost for entry in entries if entry.cost is not None]
        cost = exact_sum(costs) if self._dataset.cost else None
        digests = tuple(entry.digest for entry in entries)
        faults = self._faults(attempt, entries)
        discrepancy = None if cost is None or faults else await self._check_cost(cost)
        return Verdict(
            rows=rows,
            expected_rows=expected,
            cost=cost,
            last_fetched_at=max(entry.fetched_at for entry in entries),
            digests=digests,
            digest=hashlib.sha256("".join(entry.digest for entry in entries if entry.rows).encode()).hexdigest(),
            missing=0 if expected is None else expected - rows,
            fault=discrepancy.text if discrepancy else "; ".join(faults),
            permanent=discrepancy is not None and discrepancy.permanent,
        )

    def _faults(self, attempt: int, entries: Sequence[Entry]) -> list[str]:
        """Return what is wrong with the pages of an attempt."""
        rows, expected = sum(entry.rows for entry in entries), entries[0].total
        faults = [
            "" if expected in (None, rows) else f"{rows} rows came, but the API's total is {expected}",
            "the listing changed while it was paged" if self._has_changed(attempt, entries) else "",
            self._repeats(attempt, entries),
        ]
        return [fault for fault in faults if fault]

    def _has_changed(self, attempt: int, entries: Sequence[Entry]) -> bool:
        totals = {entry.total for entry in entries if entry.rows}
        return len(totals) > 1 or self._ledger.confirmation(self._slice, attempt) is False

    def _repeats(self, attempt: int, entries: Iterable[Entry]) -> str:  # noqa: ARG002  by digests, no need to read
        """Return a message if rows came twice, else an empty text."""
        filled = [entry.digest for entry in entries if entry.rows]
        return "two of the pages are equal" if len(set(filled)) < len(filled) else ""


def _is_repeated(verdicts: Sequence[Verdict]) -> bool:
    """Whether the last two attempts gave equal pages and all rows, so that a third attempt would give nothing new."""
    *_, before, last = [None, *verdicts]
    return before is not None and before.digests == last.digests and before.missing == last.missing == 0


def _texts(page: Page, column: str) -> list[str | None]:
    return page.rows.column(column).to_pylist()  # type: ignore[no-any-return]  # pyarrow ships no types


async def _side_by_side(numbers: Iterable[int], fetch: Callable[[int], Awaitable[object]]) -> None:
    """Fetch pages, `IN_FLIGHT` at once; at the first failure cancel the others, which a later run fetches.

    A few workers take the numbers one by one: a task for each of 5,000 pages would slow down all others.
    """
    remaining = iter(numbers)

    async def work() -> None:
        for number in remaining:
            await fetch(number)

    workers = [asyncio.create_task(work()) for _ in range(IN_FLIGHT)]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
