"""Pull of one dataset: its slices side by side, each with its result. Batches that are refused are divided.

The failure of a slice does not stop the others, unless the service or the credentials are the cause. `listing`,
`discovery` and `fetching` pull one slice.
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
from pipelines.extract.discovery import DiscoveredListing, SharedPaging
from pipelines.extract.fetching import NOT_READY, FileFetch
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
"""Number of refused customers after which, if no slice has succeeded, the dataset's other slices are not requested."""

_MEMBER_REFUSED = ("UnauthorizedOperation", "InvalidParameter", "FailedOperation")
"""Prefixes of the error codes of refusals that one member of a batch can cause."""


class Costs:
    """The cost of each customer by dataset, for datasets that are reconciled with it; None where it is not known."""

    def __init__(self, request: ExtractRequest) -> None:
        self._known = request.known_costs
        self._pending: dict[tuple[str, str], asyncio.Future[Decimal | None]] = {
            (dataset.name, slice_.customer_uin): asyncio.Future()
            for dataset in request.datasets
            for slice_ in request.slices[dataset.name]
            if slice_.customer_uin and not slice_.slice_params
        }

    def record(self, dataset: str, slice_: Slice, cost: Decimal | None) -> None:
        """Record the cost of a slice's rows. The first record stays."""
        future = None if slice_.slice_params else self._pending.get((dataset, slice_.customer_uin or ""))
        if future and not future.done():
            future.set_result(cost)

    async def of(self, dataset: str, customer_uin: str) -> Decimal | None:
        """Return a customer's cost: wait for it if it is pulled now, otherwise return the one landed before."""
        future = self._pending.get((dataset, customer_uin))
        pulled = await asyncio.shield(future) if future else None
        return self._known.get((dataset, customer_uin)) if pulled is None else pulled


class DatasetProgram:
    """The pull of one dataset: stores pages in its ledger, pulls its slices side by side, and reports its progress."""

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
        self._report = progress
        self._clock = clock
        self._until = clock.now() + request.ready_within
        self._slots, self._download_slots = asyncio.Semaphore(IN_FLIGHT), asyncio.Semaphore(IN_FLIGHT)
        self._slices = request.slices[dataset.name]
        self._unfinished = len(self._slices)
        self._done, self._known, self._answered, self._downloads = 0, 0, 0, 0
        self._unanswered: list[RequestFailed] = []
        self._failures: dict[Slice, RequestFailed] = {}
        self._succeeded = 0
        self._dividing = asyncio.Lock()
        self._has_divided = False
        self._paging = request.paging.get(dataset.action.name, dataset.action.paging)
        self._shared_paging: SharedPaging | None = None
        if self._paging and not self._paging.documented and dataset.action.name not in request.paging:
            self._shared_paging = SharedPaging(request.account, self._paging)

    async def run(self) -> DatasetPull:
        """Pull every slice. Raises RequestFailed if all slices failed, StorageFailed and CorruptFile."""
        ledger = None
        try:
            ledger = Ledger(self._request.ledgers[self._dataset.name], self._fingerprint())
            pulled_slices = await self._pull_slices(ledger)
        except BaseException:
            if ledger:
                ledger.close()
            raise
        finally:
            for slice_ in self._slices:  # nothing may wait forever for a cost of this dataset
                self._costs.record(self._dataset.name, slice_, None)
        return DatasetPull(self._dataset, ledger, pulled_slices)

    async def _pull_slices(self, ledger: Ledger) -> list[PulledSlice]:
        tasks = [asyncio.create_task(self._pull_slice(ledger, slice_)) for slice_ in self._slices]
        try:
            pulled_slices = [pulled_slice for found in await asyncio.gather(*tasks) for pulled_slice in found]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        failed = [slice_ for slice_, error in self._failures.items() if error.code != NOT_READY]
        if failed and len(failed) == len(pulled_slices) and any(map(self._is_listed, failed)):
            raise self._failed_for_all(failed)
        return pulled_slices

    def _is_listed(self, slice_: Slice) -> bool:
        """Whether a slice's customer is on the account's lists; also true for a slice without a customer."""
        return slice_.customer_uin is None or slice_.customer_uin in self._request.listed

    async def _pull_slice(self, ledger: Ledger, slice_: Slice) -> list[PulledSlice]:
        """Pull a slice. A batch that is refused is pulled again in halves, whose results replace its own.

        One batch is divided at a time. If none of its members succeeds, nor any other slice, the action itself is
        refused, and no further batch is divided.
        """
        pulled_slice = await self._pull_undivided(ledger, slice_)
        pulled_slices = [pulled_slice]
        if self._halves(slice_):
            async with self._dividing:
                if self._succeeded or not self._has_divided:
                    self._has_divided = True
                    pulled_slices = await self._pull_halves(ledger, slice_)
        self._unfinished -= 1
        for pulled_slice in pulled_slices:
            self._costs.record(self._dataset.name, pulled_slice.result.slice, pulled_slice.result.cost)
            if pulled_slice.result.slice in self._failures:
                _log.warning("%s", pulled_slice.result.reason)
        return pulled_slices

    async def _pull_halves(self, ledger: Ledger, slice_: Slice) -> list[PulledSlice]:
        """Pull the halves of a refused batch, and the halves of halves that are refused, down to single members."""
        pulled_slices = []
        halves = self._halves(slice_)
        del self._failures[slice_]
        for half in halves:
            pulled_slice = await self._pull_undivided(ledger, half)
            pulled_slices += await self._pull_halves(ledger, half) if self._halves(half) else [pulled_slice]
        return pulled_slices

    def _halves(self, slice_: Slice) -> list[Slice]:
        """Return the halves of a batch whose refusal one member may have caused; nothing for any other slice."""
        error, name = self._failures.get(slice_), self._dataset.slice_by_parameter
        if not (isinstance(error, RequestRefused) and error.code.startswith(_MEMBER_REFUSED)):
            return []
        batch = slice_.parameters.get(name) if name else None
        if not isinstance(batch, list) or len(batch) == 1:
            return []
        middle = len(batch) // 2
        halves = (batch[:middle], batch[middle:])
        return [Slice.of(slice_.customer_uin, {**slice_.parameters, str(name): half}) for half in halves]

    async def _pull_undivided(self, ledger: Ledger, slice_: Slice) -> PulledSlice:
        """Pull a slice as it is. Its failure becomes its result, unless it must end the whole dataset."""
        downloads = self._downloads
        try:
            pulled_slice = await self._pull_pages_or_file(ledger, slice_)
        except RequestFailed as error:
            if error.code == "DownloadFailed" and self._downloads == downloads:
                self._unanswered.append(error)
            if isinstance(error, CredentialRefused | ActionRefused) or self._is_down(error):
                raise
            self._failures[slice_] = error
            if self._is_hopeless():
                raise self._failed_for_all([*self._failures]) from error
            return PulledSlice(_failed(slice_, error))
        self._succeeded += 1
        return pulled_slice

    async def _pull_pages_or_file(self, ledger: Ledger, slice_: Slice) -> PulledSlice:
        parameters = self._parameters(slice_)
        if self._dataset.file is None:
            result, attempt = await self._listing(ledger, slice_, parameters).pull()
            return PulledSlice(result, attempt)
        fetch = FileFetch(
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
        result, file = await fetch.pull()
        return PulledSlice(result, file=file)

    def _listing(self, ledger: Ledger, slice_: Slice, parameters: dict[str, Any]) -> Listing:
        listing = partial(DiscoveredListing, self._shared_paging) if self._shared_paging else Listing
        return listing(
            self._dataset,
            slice_,
            parameters,
            self._paging,
            caller=self,
            ledger=ledger,
            slots=self._slots,
            check_cost=lambda cost: self._check_cost(slice_, cost),
            progress=self._progress,
        )

    def _is_down(self, error: RequestFailed) -> bool:
        """Whether the service is down, so that further slices need not be tried: it answered nothing meanwhile.

        False if few slices are left: then each gets its own failure, so that what has arrived can be landed.
        """
        return error in self._unanswered and self._unfinished > IN_FLIGHT

    async def _check_cost(self, slice_: Slice, cost: Decimal) -> Discrepancy | None:
        """In an issued month, compare the exact sum of a customer's bill lines with its summary.

        The API sends the summary as a double. A right summary is the double nearest to the exact sum, so doubles are
        compared; no amount is stored as one.
        """
        if self._dataset.reconciled_with is None or slice_.customer_uin is None or not self._request.is_issued:
            return None
        summary = await self._costs.of(self._dataset.reconciled_with, slice_.customer_uin)
        if summary is None:
            return Discrepancy(
                f"there is no {self._dataset.reconciled_with} to reconcile its rows with", permanent=True
            )
        if float(summary) == float(cost):
            return None
        return Discrepancy(f"its rows sum to {cost} where {self._dataset.reconciled_with} says {summary}")

    async def call(self, action: Action, parameters: Mapping[str, object]) -> ApiReply:
        """Send a request, and note whether the service answers; a refusal is an answer."""
        answered = self._answered
        try:
            reply = await self._caller.call(action, parameters)
        except RequestRefused:
            self._answered += 1
            raise
        except RequestUnanswered as error:
            if self._answered == answered:
                self._unanswered.append(error)
            raise
        self._answered += 1
        return reply

    async def download(self, url: str, folder: Path) -> ApiDownload:
        """Download a file, and note that a download succeeded."""
        download = await self._caller.download(url, folder)
        self._downloads += 1
        return download

    def _progress(self, done: int, known: int) -> None:
        self._done += done
        self._known += known
        self._report(Progress(self._request.account, self._dataset, self._done, self._known, self._answered))

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
        """Describe a slice for messages: action, account, customer, parameters and partition key."""
        words = [f"{self._dataset.action.name} of account '{self._request.account}'"]
        words += [f"customer {slice_.customer_uin}"] if slice_.customer_uin else []
        words += [slice_.slice_params] if slice_.slice_params else []
        return ", ".join([*words, self._request.partition_key])

    def _fingerprint(self) -> dict[str, Any]:
        """Return the identity of this pull. A ledger with another one is not resumed."""
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
        """Whether so many customers were refused, and no slice succeeded, that the others need not be requested."""
        refused = [
            s for s, error in self._failures.items() if isinstance(error, CustomerRefused) and self._is_listed(s)
        ]
        return not self._succeeded and len(refused) >= HOPELESS

    def _failed_for_all(self, slices: Sequence[Slice]) -> RequestFailed:
        """Return the error of a dataset whose slices all failed; for one slice without a customer, its own error."""
        failures = [self._failures[slice_] for slice_ in slices]
        first = failures[0]
        if len(slices) == 1 and slices[0].customer_uin is None:
            return first
        noun = "customer" if all(slice_.customer_uin for slice_ in slices) else "slice"
        is_permanent = all(isinstance(failure, RequestRefused) for failure in failures)
        all_of_them = f"every {noun}" if len(failures) >= len(self._slices) else f"every {noun} that was tried"
        return (RequestRefused if is_permanent else RequestUnanswered)(
            f"{self._dataset.action.name} failed for {all_of_them} of account '{self._request.account}' "
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
