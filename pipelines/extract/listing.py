"""One customer's listing of one dataset: every page asked once, and what the pages prove.

    page 1 tells the total -> the other pages side by side -> on past a full last page -> page 1 once more
                                                                                       -> proven, or all again

What does not belong here: which customers are asked (`pull`), how a request is sent and paced (`client/`), where pages
are kept (`ledger`).
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pipelines.errors import RequestUnanswered
from pipelines.pages import CustomerPull, Page, Proof, exact_sum, exact_total, text_rows

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal

    from pipelines.endpoints.shapes import Action, Dataset
    from pipelines.extract.ledger import Entry, Ledger

IN_FLIGHT = 8
"""Requests of one dataset under way at once; at most so many are asked again after a kill."""

ATTEMPTS = 3
"""A customer whose rows cannot be proven is pulled again at most twice."""

_LARGEST_TOTAL = 10**9


class Reply(Protocol):
    """What a caller gives back: the decoded `Response` member, numbers as text; `received_at` in UTC."""

    @property
    def response(self) -> dict[str, Any]: ...  # noqa: D102
    @property
    def request_id(self) -> str: ...  # noqa: D102
    @property
    def received_at(self) -> datetime: ...  # noqa: D102


class Caller(Protocol):
    """What extract needs of a client."""

    async def call(self, action: Action, parameters: Mapping[str, object]) -> Reply:
        """Send one request. Raises RequestFailed."""
        ...


@dataclass(frozen=True, slots=True)
class Doubt:
    """What speaks against rows that are all there; asking again may dispel it unless it is `lasting`."""

    text: str
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an attempt's pages prove: `fault` is empty if they are sound, `lasting` if asking again cannot mend it.

    `missing` is how many rows more the API's total wants; below zero: how many came that it does not count.
    """

    rows: int
    expected_rows: int | None
    cost: Decimal | None
    last_fetched_at: datetime
    digests: tuple[str, ...]
    missing: int
    fault: str
    lasting: bool


class Listing:
    """The pages of one customer (None: the whole account) of one dataset; `slots` bounds how many are asked at once.

    `checked` says what speaks against the exact sum of the cost column: for a closed month, that detail differs from
    summary. `progress` is told of pages done and newly known.
    """

    def __init__(
        self,
        dataset: Dataset,
        customer_uin: str | None,
        parameters: dict[str, Any],
        *,
        caller: Caller,
        ledger: Ledger,
        slots: asyncio.Semaphore,
        checked: Callable[[Decimal], Awaitable[Doubt | None]],
        progress: Callable[[int, int], None],
    ) -> None:
        self._dataset = dataset
        self._customer_uin = customer_uin
        self._parameters = parameters
        self._caller = caller
        self._ledger = ledger
        self._slots = slots
        self._checked = checked
        self._progress = progress

    async def pull(self) -> tuple[CustomerPull, int]:
        """Pull until proven, at most `ATTEMPTS` times; return the outcome and the attempt whose pages it speaks of.

        Raises RequestFailed if the service does not give a page.
        """
        verdicts: list[Verdict] = []
        for attempt in range(1, ATTEMPTS + 1):
            await self._ask_all(attempt)
            verdict = await self._judged(attempt)
            if not verdict.fault:
                return self._outcome(verdict, Proof.PROVEN), attempt
            verdicts.append(verdict)
            if verdict.lasting or _said_twice(verdicts):
                break
        best = min(range(len(verdicts)), key=lambda index: (abs(verdicts[index].missing), -index))
        return self._outcome(verdicts[best], Proof.UNPROVEN), best + 1

    def _outcome(self, verdict: Verdict, proof: Proof) -> CustomerPull:
        return CustomerPull(
            customer_uin=self._customer_uin,
            proof=proof,
            rows=verdict.rows,
            expected_rows=verdict.expected_rows,
            cost=verdict.cost,
            proven_at=verdict.last_fetched_at if proof is Proof.PROVEN else None,
            reason=verdict.fault,
        )

    async def _ask_all(self, attempt: int) -> None:
        """Ask every page of an attempt that is not in the ledger yet."""
        paging = self._dataset.action.paging
        entries = self._ledger.entries(self._customer_uin, attempt)
        first_number = paging.first if paging else 1
        self._progress(len(entries), max(len(entries), 1))
        first = entries.get(first_number) or await self._ask(attempt, first_number)
        if paging is None:
            return
        others = range(first_number + 1, first_number + math.ceil((first.total or 0) / paging.size))
        wanted = [number for number in others if number not in entries]
        self._progress(0, len(wanted))
        await _side_by_side(wanted, lambda number: self._ask(attempt, number))
        await self._ask_on(attempt, paging.size)
        if others and self._ledger.confirmation(self._customer_uin, attempt) is None:
            await self._confirm(attempt, first)

    async def _ask_on(self, attempt: int, size: int) -> None:
        """Ask past a full last page until one is short, as the total may lag behind the rows, or was there before."""
        entries = self._ledger.entries(self._customer_uin, attempt)
        last = max(entries)
        while entries[last].rows >= size and not _overlaps(entries.values()):
            last += 1
            self._progress(0, 1)
            entries[last] = await self._ask(attempt, last)

    async def _confirm(self, attempt: int, first: Entry) -> None:
        """Ask the first page once more: a listing that moved while it was paged shows there."""
        self._progress(0, 1)
        page, total = self._read(await self._call(first.number), first.number)
        still = page.digest == first.digest and total == first.total
        self._ledger.confirm(self._customer_uin, attempt, stood_still=still)
        self._progress(1, 0)

    async def _ask(self, attempt: int, number: int) -> Entry:
        page, total = self._read(await self._call(number), number)
        cost = exact_total(_texts(page, self._dataset.cost)) if self._dataset.cost else None
        entry = self._ledger.store(page, attempt, total, cost)
        self._progress(1, 0)
        return entry

    async def _call(self, number: int) -> Reply:
        paging = self._dataset.action.paging
        paged = {"Page": number, "PageSize": paging.size} if paging else {}
        async with self._slots:
            return await self._caller.call(self._dataset.action, {**self._parameters, **paged})

    def _read(self, reply: Reply, number: int) -> tuple[Page, int | None]:
        """Return a reply's page and its total. Raises RequestUnanswered for a reply of another shape."""
        action = self._dataset.action
        try:
            rows = text_rows(_rows(reply.response, action.rows), self._dataset.columns)
            total = None if action.total is None else _total(reply.response[action.total])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RequestUnanswered(
                f"{action.name} answered in a shape that its definition does not have ({type(error).__name__}; "
                f"RequestId {reply.request_id}). Run again; if it stays, the API has changed.",
                action=action.name,
                code="UnknownShape",
                request_id=reply.request_id,
                customer_uin=self._customer_uin,
            ) from error
        return Page(self._customer_uin, number, reply.request_id, reply.received_at, rows), total

    async def _judged(self, attempt: int) -> Verdict:
        """Say what the attempt's pages prove."""
        entries = list(self._ledger.entries(self._customer_uin, attempt).values())
        rows = sum(entry.rows for entry in entries)
        expected = entries[0].total
        costs = [entry.cost for entry in entries if entry.cost is not None]
        cost = exact_sum(costs) if self._dataset.cost else None
        digests = tuple(entry.digest for entry in entries)
        faults = [
            self._count_fault(rows, expected),
            "its listing moved while it was paged" if self._moved(attempt, entries) else "",
            "two of its pages are the same" if _overlaps(entries) else "",
        ]
        doubt = None if cost is None or any(faults) else await self._checked(cost)
        return Verdict(
            rows=rows,
            expected_rows=expected,
            cost=cost,
            last_fetched_at=max(entry.fetched_at for entry in entries),
            digests=digests,
            missing=0 if expected is None else expected - rows,
            fault=doubt.text if doubt else "; ".join(filter(None, faults)),
            lasting=doubt is not None and doubt.lasting,
        )

    def _moved(self, attempt: int, entries: Sequence[Entry]) -> bool:
        totals = {entry.total for entry in entries if entry.rows}
        return len(totals) > 1 or self._ledger.confirmation(self._customer_uin, attempt) is False

    @staticmethod
    def _count_fault(rows: int, expected: int | None) -> str:
        if expected is None or rows == expected:
            return ""
        return f"{rows} rows came where the API's total says {expected}"


def _rows(response: dict[str, Any], member: str | None) -> list[dict[str, Any]]:
    """Return the rows of a reply: a declared list (null is an empty one), or the reply itself without its RequestId."""
    if member is None:
        return [{name: value for name, value in response.items() if name != "RequestId"}]
    rows = response[member]
    if not isinstance(rows, list | None):
        raise TypeError(f"{member} is no list")
    return rows or []


def _total(text: Any) -> int:
    total = int(text)
    if not 0 <= total <= _LARGEST_TOTAL:
        raise ValueError("no number of rows")
    return total


def _said_twice(verdicts: Sequence[Verdict]) -> bool:
    """Tell whether the service said the same again, and all of it: asking a third time would tell no more."""
    *_, before, last = [None, *verdicts]
    return before is not None and before.digests == last.digests and before.missing == last.missing == 0


def _texts(page: Page, column: str) -> list[str | None]:
    return page.rows.column(column).to_pylist()  # type: ignore[no-any-return]  # pyarrow ships no types


def _overlaps(entries: Iterable[Entry]) -> bool:
    filled = [entry.digest for entry in entries if entry.rows]
    return len(set(filled)) < len(filled)


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
