"""The pull of one dataset: its subjects side by side, each with its outcome; batches that are refused are divided.

A subject's failure is kept and the others go on, unless the service or the credentials are its cause. How one listing
or file is asked is the business of `listing`, `discovery` and `fetching`.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from pipelines.errors import (
    ActionRefused,
    CredentialRefused,
    CustomerRefused,
    RequestFailed,
    RequestRefused,
    RequestUnanswered,
)
from pipelines.extract.discovery import DiscoveredListing, Knowledge
from pipelines.extract.fetching import NOT_READY, Fetching
from pipelines.extract.ledger import Ledger
from pipelines.extract.listing import IN_FLIGHT, Discrepancy, Listing
from pipelines.extract.request import DatasetPull, ExtractRequest, Progress, PulledSlice
from pipelines.pages import Proof, Slice, SliceResult
from pipelines.periods import BillMonth

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from decimal import Decimal
    from pathlib import Path

    from pipelines.endpoints.shapes import Action, Dataset
    from pipelines.extract.fetching import Clock
    from pipelines.extract.replies import ApiCaller, ApiDownload, ApiReply

_log = logging.getLogger(__name__)

HOPELESS = 25
"""Refusals of customers, with not one answer for another, after which a dataset's others are not asked."""

_ONE_OF_A_BATCH = ("UnauthorizedOperation", "InvalidParameter", "FailedOperation")
"""How the codes of refusals begin that one value of a list can cause."""


class Costs:
    """Each customer's cost by dataset, for those that wait to be proven by it; None where it could not be had."""

    def __init__(self, request: ExtractRequest) -> None:
        self._known = request.known_costs
        self._cells: dict[tuple[str, str], asyncio.Future[Decimal | None]] = {
            (dataset.name, slice_.customer_uin): asyncio.Future()
            for dataset in request.datasets
            for slice_ in request.slices[dataset.name]
            if slice_.customer_uin and not slice_.slice_params
        }

    def tell(self, dataset: str, slice_: Slice, cost: Decimal | None) -> None:
        """Say what a subject's rows sum to, once: what is told first stays."""
        cell = None if slice_.slice_params else self._cells.get((dataset, slice_.customer_uin or ""))
        if cell and not cell.done():
            cell.set_result(cost)

    async def of(self, dataset: str, customer_uin: str) -> Decimal | None:
        """Return a customer's cost, asked in this pull (then it is waited for) or known before."""
        cell = self._cells.get((dataset, customer_uin))
        told = await asyncio.shield(cell) if cell else None
        return self._known.get((dataset, customer_uin)) if told is None else told


class DatasetProgram:
    """The pull of one dataset: its ledger, its subjects side by side, its progress."""

    def __init__(
        self,
        request: ExtractRequest,
        dataset: Dataset,
        caller: ApiCaller,
        costs: Costs,
        progress: Callable[[Progress], None],
        clock: Clock,
    ) -> None:
        self._request = request
        self._dataset = dataset
        self._caller = caller
        self._costs = costs
        self._tell = progress
        self._clock = clock
        self._until = clock.now() + request.ready_within
        self._slots, self._download_slots = asyncio.Semaphore(IN_FLIGHT), asyncio.Semaphore(IN_FLIGHT)
        self._slices = request.slices[dataset.name]
        self._unfinished = len(self._slices)
        self._done, self._known, self._answers, self._downloads = 0, 0, 0, 0
        self._silences: list[RequestFailed] = []
        self._failures: dict[Slice, RequestFailed] = {}
        self._came = 0
        self._dividing = asyncio.Lock()
        self._has_divided = False
        self._paging = request.paging.get(dataset.action.name, dataset.action.paging)
        self._knowledge: Knowledge | None = None
        if self._paging and not self._paging.documented and dataset.action.name not in request.paging:
            self._knowledge = Knowledge(request.account, self._paging)

    async def run(self) -> DatasetPull:
        """Ask about every subject. Raises RequestFailed where nothing came, StorageFailed and CorruptFile."""
        ledger = None
        try:
            ledger = Ledger(self._request.ledgers[self._dataset.name], self._fingerprint())
            outcomes = await self._all_subjects(ledger)
        except BaseException:
            if ledger:
                ledger.close()
            raise
        finally:
            for slice_ in self._slices:  # whoever still waits for a cost of this dataset must not wait for ever
                self._costs.tell(self._dataset.name, slice_, None)
        return DatasetPull(self._dataset, ledger, outcomes)

    async def _all_subjects(self, ledger: Ledger) -> list[PulledSlice]:
        tasks = [asyncio.create_task(self._slice(ledger, slice_)) for slice_ in self._slices]
        try:
            outcomes = [outcome for found in await asyncio.gather(*tasks) for outcome in found]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        failed = [slice_ for slice_, error in self._failures.items() if error.code != NOT_READY]
        if failed and len(failed) == len(outcomes) and any(map(self._is_ours, failed)):
            raise self._failed_for_all(failed)
        return outcomes

    def _is_ours(self, slice_: Slice) -> bool:
        return slice_.customer_uin is None or slice_.customer_uin in self._request.listed

    async def _slice(self, ledger: Ledger, slice_: Slice) -> list[PulledSlice]:
        """Ask about a subject; a batch that is refused is asked again in parts, which take its place.

        One batch is divided at a time: if nothing came of its single ones, nor of any other subject, it is the action
        that is refused, and no further batch is divided.
        """
        outcome = await self._asked(ledger, slice_)
        outcomes = [outcome]
        if self._halves(slice_):
            async with self._dividing:
                if self._came or not self._has_divided:
                    self._has_divided = True
                    outcomes = await self._divided(ledger, slice_)
        self._unfinished -= 1
        for outcome in outcomes:
            self._costs.tell(self._dataset.name, outcome.pull.slice, outcome.pull.cost)
            if outcome.pull.slice in self._failures:
                _log.warning("%s", outcome.pull.reason)
        return outcomes

    async def _divided(self, ledger: Ledger, slice_: Slice) -> list[PulledSlice]:
        """Ask about the halves of a refused batch, and the halves of those that are refused, down to single ones."""
        outcomes = []
        halves = self._halves(slice_)
        del self._failures[slice_]
        for half in halves:
            outcome = await self._asked(ledger, half)
            outcomes += await self._divided(ledger, half) if self._halves(half) else [outcome]
        return outcomes

    def _halves(self, slice_: Slice) -> list[Slice]:
        """Return the halves of a batch that was refused in a way that one of it may have caused; none otherwise."""
        error, name = self._failures.get(slice_), self._dataset.slice_by_parameter
        if not (isinstance(error, RequestRefused) and error.code.startswith(_ONE_OF_A_BATCH)):
            return []
        batch = slice_.parameters.get(name) if name else None
        if not isinstance(batch, list) or len(batch) == 1:
            return []
        middle = len(batch) // 2
        parts = (batch[:middle], batch[middle:])
        return [Slice.of(slice_.customer_uin, {**slice_.parameters, str(name): slice_params}) for slice_params in parts]

    async def _asked(self, ledger: Ledger, slice_: Slice) -> PulledSlice:
        downloads = self._downloads
        try:
            outcome = await self._outcome(ledger, slice_)
        except RequestFailed as error:
            if error.code == "DownloadFailed" and self._downloads == downloads:
                self._silences.append(error)
            if isinstance(error, CredentialRefused | ActionRefused) or self._is_down(error):
                raise
            self._failures[slice_] = error
            if self._is_hopeless():
                raise self._failed_for_all([*self._failures]) from error
            return PulledSlice(_failed(slice_, error))
        self._came += 1
        return outcome

    async def _outcome(self, ledger: Ledger, slice_: Slice) -> PulledSlice:
        parameters = self._parameters(slice_)
        if self._dataset.file is None:
            pulled, attempt = await self._listing(ledger, slice_, parameters).pull()
            return PulledSlice(pulled, attempt)
        fetching = Fetching(
            self._dataset,
            slice_,
            self._about(slice_),
            parameters,
            self._request.folders[self._dataset.name],
            self._until,
            self._clock,
            caller=self,
            ledger=ledger,
            slots=self._slots,
            downloads=self._download_slots,
            progress=self._progress,
        )
        pulled, file = await fetching.pull()
        return PulledSlice(pulled, file=file)

    def _listing(self, ledger: Ledger, slice_: Slice, parameters: dict[str, Any]) -> Listing:
        kind = partial(DiscoveredListing, self._knowledge) if self._knowledge else Listing
        return kind(
            self._dataset,
            slice_,
            parameters,
            self._paging,
            caller=self,
            ledger=ledger,
            slots=self._slots,
            checked=lambda cost: self._checked(slice_, cost),
            progress=self._progress,
        )

    def _is_down(self, error: RequestFailed) -> bool:
        """Tell whether the service, not the subject, is the cause: it answered nothing at all while this was tried.

        Then there is no use in trying others. If none wait, each is named by itself, so that what came can be landed.
        """
        return error in self._silences and self._unfinished > IN_FLIGHT

    async def _checked(self, slice_: Slice, cost: Decimal) -> Discrepancy | None:
        """For a closed month, compare a customer's detail with its summary, which the API sends as a double.

        The double nearest to the exact sum is what a right summary says, so that is compared; no amount passes through
        it.
        """
        if self._dataset.reconciled_with is None or slice_.customer_uin is None or not self._request.is_issued:
            return None
        summary = await self._costs.of(self._dataset.reconciled_with, slice_.customer_uin)
        if summary is None:
            return Discrepancy(f"there is no {self._dataset.reconciled_with} to prove it by", lasting=True)
        if float(summary) == float(cost):
            return None
        return Discrepancy(f"its rows sum to {cost} where {self._dataset.reconciled_with} says {summary}")

    async def call(self, action: Action, parameters: Mapping[str, object]) -> ApiReply:
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

    async def download(self, url: str, folder: Path) -> ApiDownload:
        """Pass a download on, and remember that one came."""
        download = await self._caller.download(url, folder)
        self._downloads += 1
        return download

    def _progress(self, done: int, known: int) -> None:
        self._done += done
        self._known += known
        self._tell(Progress(self._request.account, self._dataset, self._done, self._known, self._answers))

    def _parameters(self, slice_: Slice) -> dict[str, Any]:
        dataset, partition_key = self._dataset, self._request.partition_key
        parameters: dict[str, Any] = {
            name: list(value) if isinstance(value, tuple) else value for name, value in dataset.fixed.items()
        }
        if dataset.key_parameter:
            parameters[dataset.key_parameter] = partition_key
        if dataset.span_parameters:
            month = BillMonth(partition_key)
            span = (month.start, month.next.start - timedelta(seconds=1))
            parameters |= zip(dataset.span_parameters, (f"{second:%Y-%m-%d %H:%M:%S}" for second in span), strict=True)
        if dataset.customer_parameter and slice_.customer_uin is not None:
            parameters[dataset.customer_parameter] = int(slice_.customer_uin)
        return parameters | slice_.parameters

    def _about(self, slice_: Slice) -> str:
        parts = [f"{self._dataset.action.name} of account '{self._request.account}'"]
        parts += [f"customer {slice_.customer_uin}"] if slice_.customer_uin else []
        parts += [slice_.slice_params] if slice_.slice_params else []
        return ", ".join([*parts, self._request.partition_key])

    def _fingerprint(self) -> dict[str, Any]:
        paging = self._paging
        return {
            "account": self._request.account,
            "dataset": self._dataset.name,
            "key": self._request.partition_key,
            "day": self._request.day,
            "is_issued": self._request.is_issued,
            "columns": self._dataset.columns,
            "paging": [paging.size, paging.first, paging.documented] if paging else None,
            "fixed": dict(self._dataset.fixed),
        }

    def _is_hopeless(self) -> bool:
        """Tell whether so many were refused, and nobody else answered for, that asking the others does no good."""
        refused = [s for s, error in self._failures.items() if isinstance(error, CustomerRefused) and self._is_ours(s)]
        return not self._came and len(refused) >= HOPELESS

    def _failed_for_all(self, slices: Sequence[Slice]) -> RequestFailed:
        """Return the failure of a dataset of which nothing came; of a single question about no customer, its own."""
        failures = [self._failures[slice_] for slice_ in slices]
        first = failures[0]
        if len(slices) == 1 and slices[0].customer_uin is None:
            return first
        asked = "customer" if all(slice_.customer_uin for slice_ in slices) else "question"
        permanent = all(isinstance(failure, RequestRefused) for failure in failures)
        who = f"every {asked}" if len(failures) >= len(self._slices) else f"every {asked} that was tried"
        return (RequestRefused if permanent else RequestUnanswered)(
            f"{self._dataset.action.name} failed for {who} of account '{self._request.account}' "
            f"({len(failures)}) in {self._request.partition_key}; the first: {first}",
            action=self._dataset.action.name,
            code=first.code,
            request_id=first.request_id,
        )


def _failed(slice_: Slice, error: RequestFailed) -> SliceResult:
    return SliceResult(
        customer_uin=slice_.customer_uin,
        slice_params=slice_.slice_params,
        proof=Proof.FAILED,
        rows=0,
        expected_rows=None,
        cost=None,
        proven_at=None,
        reason=str(error),
        code=error.code,
        request_id=error.request_id,
    )
