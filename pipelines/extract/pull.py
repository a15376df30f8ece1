"""One partition's pull: all its datasets of one account at once, as one asyncio program.

Limits are per action, so datasets run side by side. A customer's failure is kept and the others go on; a dataset that
fails leaves the others. What becomes of the rows is decided after (`land/`).
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pipelines.errors import CredentialRefused, RequestFailed, RequestRefused, RequestUnanswered
from pipelines.extract.ledger import Ledger
from pipelines.extract.listing import IN_FLIGHT, Caller, Doubt, Listing, Reply
from pipelines.pages import EXTRA, CustomerPull, Page, Proof

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
    from decimal import Decimal
    from pathlib import Path

    from pipelines.endpoints.shapes import Action, Dataset

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask for one account and partition: its datasets, and of whom (`customers`: where asked per customer).

    `listed`: the customers that are the account's now; others had bills in that month before.

    `known_costs` are summary costs landed before, by (dataset, customer), for a pull that does not ask them itself.
    `is_closed`: the month's bill is out, so that detail must equal summary. `day` is today in UTC+8: a ledger of
    another day is not carried on, because its open months have moved since.
    """

    account: str
    datasets: tuple[Dataset, ...]
    key: str
    customers: tuple[str, ...]
    listed: frozenset[str]
    ledgers: Mapping[str, Path]
    is_closed: bool
    day: str
    known_costs: Mapping[tuple[str, str], Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a dataset's pull is: pages done of those known so far, and requests answered by now."""

    account: str
    dataset: Dataset
    done: int
    known: int
    asked: int = 0


class DatasetPull:
    """What came of one dataset: an outcome per customer, and their pages, still in the ledger.

    Close it (the ledger stays, for a run that carries on) or remove it (its pages are landed).
    """

    def __init__(self, dataset: Dataset, ledger: Ledger, outcomes: list[tuple[CustomerPull, int]]) -> None:
        self.dataset = dataset
        self.customers = sorted((pull for pull, _ in outcomes), key=lambda pull: pull.customer_uin or "")
        self.asked_from = ledger.asked_from
        self.asked_to = datetime.now(UTC)
        self.page_count = ledger.page_count()
        self._ledger = ledger
        self._attempts = {pull.customer_uin: attempt for pull, attempt in outcomes}

    def pages(self) -> Iterator[Page]:
        """Give every pulled page once, by customer and number, one in memory at a time."""
        columns = pa.schema([(name, pa.string()) for name in (*self.dataset.columns, EXTRA)])
        for pull in self.customers:
            if pull.proof is not Proof.FAILED:
                yield from self._ledger.pages(pull.customer_uin, self._attempts[pull.customer_uin], columns)

    def close(self) -> None:
        """Keep the pages for a run that carries on."""
        self._ledger.close()

    def remove(self) -> None:
        """Forget the pages: they are landed."""
        self._ledger.remove()


async def pull(
    question: Question, caller: Caller, progress: Callable[[Progress], None]
) -> AsyncGenerator[tuple[Dataset, DatasetPull | Exception], None]:
    """Ask everything of a question; give each dataset as it is done, or what kept it from being done.

    A failure of the credentials ends all of the account's datasets. Ledgers of datasets that failed are kept.
    """
    costs = _Costs(question)
    tasks = {
        asyncio.create_task(_DatasetProgram(question, dataset, caller, costs, progress).run()): dataset
        for dataset in question.datasets
    }
    handed_over = set()
    try:
        waiting = set(tasks)
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                error = task.exception()
                if isinstance(error, CredentialRefused):
                    for other in waiting:
                        other.cancel()
                        yield tasks[other], error
                    waiting = set()
                elif error is not None and not isinstance(error, Exception):
                    raise error
                handed_over.add(task)
                yield tasks[task], error or task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in tasks.keys() - handed_over:
            if not task.cancelled() and not task.exception():
                task.result().close()


class _Costs:
    """Each customer's cost by dataset, for those that wait to be proven by it; None where it could not be had."""

    def __init__(self, question: Question) -> None:
        self._known = question.known_costs
        self._asked = {dataset.name for dataset in question.datasets}
        self._costs: defaultdict[tuple[str, str], asyncio.Future[Decimal | None]] = defaultdict(asyncio.Future)

    def tell(self, dataset: str, customer_uin: str | None, cost: Decimal | None) -> None:
        cell = self._costs[dataset, customer_uin or ""]
        if not cell.done():
            cell.set_result(cost)

    async def of(self, dataset: str, customer_uin: str) -> Decimal | None:
        if dataset in self._asked:
            return await asyncio.shield(self._costs[dataset, customer_uin])
        return self._known.get((dataset, customer_uin))


class _DatasetProgram:
    """The pull of one dataset: its ledger, its customers side by side, its progress."""

    def __init__(
        self,
        question: Question,
        dataset: Dataset,
        caller: Caller,
        costs: _Costs,
        progress: Callable[[Progress], None],
    ) -> None:
        self._question = question
        self._dataset = dataset
        self._caller = caller
        self._costs = costs
        self._tell = progress
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self._customers: tuple[str | None, ...] = question.customers if dataset.customer_parameter else (None,)
        self._unfinished = len(self._customers)
        self._done, self._known, self._answers = 0, 0, 0
        self._silences: list[RequestUnanswered] = []
        self._failures: list[RequestFailed] = []

    async def run(self) -> DatasetPull:
        ledger = None
        try:
            ledger = Ledger(self._question.ledgers[self._dataset.name], self._fingerprint())
            outcomes = await self._all_customers(ledger)
        except BaseException:
            if ledger:
                ledger.close()
            raise
        finally:
            for customer in self._customers:  # whoever still waits for a cost of this dataset must not wait for ever
                self._costs.tell(self._dataset.name, customer, None)
        return DatasetPull(self._dataset, ledger, outcomes)

    async def _all_customers(self, ledger: Ledger) -> list[tuple[CustomerPull, int]]:
        tasks = [asyncio.create_task(self._customer(ledger, customer)) for customer in self._customers]
        try:
            outcomes = await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        failed = {pull.customer_uin for pull, _ in outcomes if pull.proof is Proof.FAILED}
        if len(failed) == len(outcomes) and failed & self._question.listed:
            raise _failed_for_all(self._question, self._dataset, self._failures)
        return outcomes

    async def _customer(self, ledger: Ledger, customer: str | None) -> tuple[CustomerPull, int]:
        listing = Listing(
            self._dataset,
            customer,
            self._parameters(customer),
            caller=self,
            ledger=ledger,
            slots=self._slots,
            checked=lambda cost: self._checked(customer, cost),
            progress=self._progress,
        )
        try:
            pulled, attempt = await listing.pull()
        except RequestFailed as error:
            if customer is None or isinstance(error, CredentialRefused) or self._is_down(error):
                raise
            self._failures.append(error)
            pulled, attempt = _failed(customer, error), 0
        self._unfinished -= 1
        self._costs.tell(self._dataset.name, customer, pulled.cost)
        return pulled, attempt

    def _is_down(self, error: RequestFailed) -> bool:
        """Tell whether the service, not the customer, is the cause: it answered nothing at all while this was tried.

        Then there is no use in trying others. If none wait, each is named by itself, so that what came can be landed.
        """
        return error in self._silences and self._unfinished > IN_FLIGHT

    async def _checked(self, customer: str | None, cost: Decimal) -> Doubt | None:
        """For a closed month, compare a customer's detail with its summary, which the API sends as a double.

        The double nearest to the exact sum is what a right summary says, so that is compared; no amount passes through
        it.
        """
        if self._dataset.proven_by is None or customer is None or not self._question.is_closed:
            return None
        summary = await self._costs.of(self._dataset.proven_by, customer)
        if summary is None:
            return Doubt(f"there is no {self._dataset.proven_by} to prove it by", lasting=True)
        if float(summary) == float(cost):
            return None
        return Doubt(f"its rows sum to {cost} where {self._dataset.proven_by} says {summary}")

    async def call(self, action: Action, parameters: Mapping[str, object]) -> Reply:
        """Pass a request on, and remember whether the service answers; a refusal is an answer."""
        answers = self._answers
        try:
            reply = await self._caller.call(action, parameters)
        except RequestRefused:
            self._answers += 1
            raise
        except RequestUnanswered as error:
            if self._answers == answers:
                self._silences.append(error)
            raise
        self._answers += 1
        return reply

    def _progress(self, done: int, known: int) -> None:
        self._done += done
        self._known += known
        self._tell(Progress(self._question.account, self._dataset, self._done, self._known, self._answers))

    def _parameters(self, customer: str | None) -> dict[str, Any]:
        parameters: dict[str, Any] = dict(self._dataset.fixed)
        if self._dataset.month_parameter:
            parameters[self._dataset.month_parameter] = self._question.key
        if self._dataset.customer_parameter and customer is not None:
            parameters[self._dataset.customer_parameter] = int(customer)
        return parameters

    def _fingerprint(self) -> dict[str, Any]:
        paging = self._dataset.action.paging
        return {
            "account": self._question.account,
            "dataset": self._dataset.name,
            "key": self._question.key,
            "day": self._question.day,
            "is_closed": self._question.is_closed,
            "columns": self._dataset.columns,
            "page_size": paging.size if paging else None,
            "fixed": dict(self._dataset.fixed),
        }


def _failed(customer: str | None, error: RequestFailed) -> CustomerPull:
    _log.warning("%s", error)
    return CustomerPull(
        customer_uin=customer,
        proof=Proof.FAILED,
        rows=0,
        expected_rows=None,
        cost=None,
        proven_at=None,
        reason=str(error),
        code=error.code,
        request_id=error.request_id,
    )


def _failed_for_all(question: Question, dataset: Dataset, failures: list[RequestFailed]) -> RequestFailed:
    first = failures[0]
    permanent = all(isinstance(failure, RequestRefused) for failure in failures)
    return (RequestRefused if permanent else RequestUnanswered)(
        f"{dataset.action.name} failed for every customer of account '{question.account}' ({len(failures)}) in "
        f"{question.key}; the first: {first}",
        action=dataset.action.name,
        code=first.code,
        request_id=first.request_id,
    )
