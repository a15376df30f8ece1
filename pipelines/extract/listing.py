"""One subject's listing of one dataset: every page asked once, and what the pages prove.

    page 1 tells the total -> the other pages side by side -> on past a full last page -> page 1 once more
                                                                                       -> proven, or all again

What does not belong here: who is asked (`pull`), how a request is sent and paced (`client/`), what a reply says
(`replies`), where pages are kept (`ledger`), and listings of actions that do not document their paging (`discovery`).
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
"""Requests of one dataset under way at once; at most so many are asked again after a kill."""

ATTEMPTS = 3
"""A listing whose rows cannot be proven is pulled again at most twice."""


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """What speaks against rows that are all there; asking again may dispel it unless it is `lasting`."""

    text: str
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an attempt's pages prove: `fault` is empty if they are sound, `lasting` if asking again cannot mend it.

    `missing` is how many rows more the API's total wants; below zero: how many came that it does not count. `digests`
    are those of all pages, `digest` is one for all rows: whether an empty page follows makes no difference to it.
    """

    rows: int
    expected_rows: int | None
    cost: Decimal | None
    last_fetched_at: datetime
    digests: tuple[str, ...]
    digest: str
    missing: int
    fault: str
    lasting: bool


class Listing:
    """The pages of one subject of one dataset; `slots` bounds how many are asked at once.

    `paging` is None where one reply holds everything. `checked` says what speaks against the exact sum of the cost
    column: for a closed month, that detail differs from summary. `progress` is told of pages done and newly known.
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
        checked: Callable[[Decimal], Awaitable[Discrepancy | None]],
        progress: Callable[[int, int], None],
    ) -> None:
        self._dataset = dataset
        self._slice = slice_
        self._parameters = parameters
        self._paging = paging
        self._caller = caller
        self._ledger = ledger
        self._slots = slots
        self._checked = checked
        self._progress = progress

    async def pull(self) -> tuple[SliceResult, int]:
        """Pull until proven, at most `ATTEMPTS` times; return the outcome and the attempt whose pages it speaks of.

        Raises RequestFailed if the service does not give a page.
        """
        verdicts: list[Verdict] = []
        for attempt in range(1, ATTEMPTS + 1):
            stored = len(self._entries(attempt))
            self._progress(stored, stored)
            await self._ask_all(attempt)
            verdict = await self._judged(attempt)
            if not verdict.fault:
                return self._outcome(verdict, Proof.PROVEN), attempt
            verdicts.append(verdict)
            if verdict.lasting or _said_twice(verdicts):
                break
        best = min(range(len(verdicts)), key=lambda index: (abs(verdicts[index].missing), -index))
        return self._outcome(verdicts[best], Proof.UNPROVEN), best + 1

    def _outcome(self, verdict: Verdict, proof: Proof) -> SliceResult:
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

    async def _ask_all(self, attempt: int) -> None:
        """Ask every page of an attempt that is not in the ledger yet."""
        if self._paging is None:
            await self._ask_first(attempt, 1, None)
        else:
            await self._ask_pages(attempt, self._paging)
            await self._confirm(attempt, self._paging)

    def _entries(self, attempt: int) -> dict[int, Entry]:
        return self._ledger.entries(self._slice, attempt)

    async def _ask_first(self, attempt: int, number: int, paging: Paging | None) -> Entry:
        stored = self._entries(attempt).get(number)
        if stored:
            return stored
        self._progress(0, 1)
        return await self._ask(attempt, number, paging)

    async def _ask_pages(self, attempt: int, paging: Paging) -> None:
        """Ask the first page, those that its total tells of side by side, and what comes after a full last one."""
        first = await self._ask_first(attempt, paging.first, paging)
        entries = self._entries(attempt)
        others = range(paging.first + 1, paging.first + math.ceil((first.total or 0) / paging.size))
        wanted = [number for number in others if number not in entries]
        self._progress(0, len(wanted))
        await _side_by_side(wanted, lambda number: self._ask(attempt, number, paging))
        await self._ask_on(attempt, paging)

    async def _ask_on(self, attempt: int, paging: Paging) -> None:
        """Ask past a full last page until one is short, as the total may lag behind the rows, or was there before.

        Where no total tells how many rows there are, until one is empty.
        """
        entries = self._entries(attempt)
        last = max(entries)
        while entries[last].rows >= (1 if entries[last].total is None else paging.size):
            if self._repeats(attempt, entries.values()):
                return
            last += 1
            self._progress(0, 1)
            entries[last] = await self._ask(attempt, last, paging)

    async def _confirm(self, attempt: int, paging: Paging) -> None:
        """Ask the first of several pages once more: a listing that moved while it was paged shows there."""
        entries = self._entries(attempt)
        first = entries[paging.first]
        if first.total is None:
            several = sum(1 for entry in entries.values() if entry.rows) > 1
        else:
            several = first.total > paging.size
        if not several or self._ledger.confirmation(self._slice, attempt) is not None:
            return
        self._progress(0, 1)
        page, total = await self._call(first.number, paging)
        still = page.digest == first.digest and total == first.total
        self._ledger.confirm(self._slice, attempt, stood_still=still)
        self._progress(1, 0)

    async def _ask(self, attempt: int, number: int, paging: Paging | None) -> Entry:
        page, total = await self._call(number, paging)
        entry = self._store(page, attempt, total)
        self._progress(1, 0)
        return entry

    def _store(self, page: Page, attempt: int, total: int | None) -> Entry:
        cost = exact_sum_of_texts(_texts(page, self._dataset.cost)) if self._dataset.cost else None
        return self._ledger.store(page, attempt, total, cost)

    async def _call(self, number: int, paging: Paging | None) -> tuple[Page, int | None]:
        paged = {"Page": number, "PageSize": paging.size} if paging else {}
        async with self._slots:
            reply = await self._caller.call(self._dataset.action, {**self._parameters, **paged})
        return page_of(reply, self._dataset, self._slice, number)

    async def _judged(self, attempt: int) -> Verdict:
        """Say what the attempt's pages prove."""
        entries = list(self._entries(attempt).values())
        rows = sum(entry.rows for entry in entries)
        expected = entries[0].total
        costs = [entry.cost for entry in entries if entry.cost is not None]
        cost = exact_sum(costs) if self._dataset.cost else None
        digests = tuple(entry.digest for entry in entries)
        faults = self._faults(attempt, entries)
        doubt = None if cost is None or faults else await self._checked(cost)
        return Verdict(
            rows=rows,
            expected_rows=expected,
            cost=cost,
            last_fetched_at=max(entry.fetched_at for entry in entries),
            digests=digests,
            digest=hashlib.sha256("".join(entry.digest for entry in entries if entry.rows).encode()).hexdigest(),
            missing=0 if expected is None else expected - rows,
            fault=doubt.text if doubt else "; ".join(faults),
            lasting=doubt is not None and doubt.lasting,
        )

    def _faults(self, attempt: int, entries: Sequence[Entry]) -> list[str]:
        """Say what is wrong with an attempt's pages as a listing."""
        rows, expected = sum(entry.rows for entry in entries), entries[0].total
        faults = [
            "" if expected in (None, rows) else f"{rows} rows came where the API's total says {expected}",
            "its listing moved while it was paged" if self._moved(attempt, entries) else "",
            self._repeats(attempt, entries),
        ]
        return [fault for fault in faults if fault]

    def _moved(self, attempt: int, entries: Sequence[Entry]) -> bool:
        totals = {entry.total for entry in entries if entry.rows}
        return len(totals) > 1 or self._ledger.confirmation(self._slice, attempt) is False

    def _repeats(self, attempt: int, entries: Iterable[Entry]) -> str:  # noqa: ARG002  by digests, no need to read
        """Say that rows came twice, if they did: empty if not."""
        filled = [entry.digest for entry in entries if entry.rows]
        return "two of its pages are the same" if len(set(filled)) < len(filled) else ""


def _said_twice(verdicts: Sequence[Verdict]) -> bool:
    """Tell whether the service said the same again, and all of it: asking a third time would tell no more."""
    *_, before, last = [None, *verdicts]
    return before is not None and before.digests == last.digests and before.missing == last.missing == 0


def _texts(page: Page, column: str) -> list[str | None]:
    return page.rows.column(column).to_pylist()  # type: ignore[no-any-return]  # pyarrow ships no types


async def _side_by_side(numbers: Iterable[int], ask: Callable[[int], Awaitable[object]]) -> None:
    """Ask pages, a few at once; at the first failure end the others, which the run that carries on asks again.

    A few workers take the numbers one by one: a task for each of 5,000 pages would slow every other down.
    """
    left = iter(numbers)

    async def work() -> None:
        for number in left:
            await ask(number)

    workers = [asyncio.create_task(work()) for _ in range(IN_FLIGHT)]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
