"""Refresh of partitions of accounts: the lists first, then the datasets that are requested by them.

This is the only place that joins extract and land. `slices` decides what to request. Settings arrive as values; models
and Dagster are not known here.
"""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import AbstractContextManager, aclosing
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

from pipelines import extract, land, locks, paths
from pipelines.client import codes
from pipelines.endpoints import DATASETS
from pipelines.endpoints.profile import datasets_for
from pipelines.errors import (
    BillEtlError,
    Busy,
    CorruptFile,
    CredentialRefused,
    RequestRefused,
    RequestUnanswered,
    UnreadableFile,
)
from pipelines.pages import Page, Proof, warm_up
from pipelines.periods import BillingClock, BillMonth, MonthState
from pipelines.refresh import lists, plan, slices
from pipelines.refresh.slices import BY_DAY, WorkList
from pipelines.refresh.values import AccountClient, Outcome, RefreshContext, Usage, month_state, partition_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence

    from pipelines.endpoints.shapes import Dataset
    from pipelines.land import SliceState
    from pipelines.pages import SliceResult
    from pipelines.refresh.lists import Customers

SUMMARY = DATASETS["customer_bill_summary"]
"""The dataset whose costs the bill lines are reconciled with."""

PartitionKey = BillMonth | date | None
"""A bill month, a day, or None for a snapshot."""

_T = TypeVar("_T")
_WAIT = 900.0
"""Seconds to wait for another run that refreshes the lists that this run needs."""
_POLL = 1.0
"""Seconds between two attempts to take the lock."""


async def refresh(
    context: RefreshContext,
    account_clients: Sequence[AccountClient],
    datasets: Sequence[Dataset],
    partition_key: PartitionKey,
) -> AsyncGenerator[Outcome, None]:
    """Refresh datasets of one partition kind for several accounts at once, and give each outcome as it is known.

    There is one outcome for each account and dataset, except datasets that are not requested for an account. A failure
    of one account does not stop the others. Further outcomes are given for lists that had to be refreshed first, and
    for the days of an open or provisional month, whose bills show what has changed. The month's state is fixed when the
    refresh begins, even if its bill is issued meanwhile.
    """
    context = replace(context, clock=BillingClock(context.clock.now()))
    await asyncio.to_thread(warm_up)
    outcomes: asyncio.Queue[Outcome | Exception | None] = asyncio.Queue()

    async def run_account(account_client: AccountClient) -> None:
        try:
            async for outcome in _refresh_account(context, account_client, datasets, partition_key):
                outcomes.put_nowait(outcome)
        except Exception as error:  # noqa: BLE001  passed on through the queue and raised at the end
            outcomes.put_nowait(error)
        finally:
            outcomes.put_nowait(None)

    tasks = [asyncio.create_task(run_account(account_client)) for account_client in account_clients]
    failure = None
    try:
        for _ in tasks:
            while (outcome := await outcomes.get()) is not None:
                if isinstance(outcome, Exception):
                    failure = outcome
                else:
                    yield outcome
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if failure:
        raise failure


async def _refresh_account(
    context: RefreshContext, account_client: AccountClient, datasets: Sequence[Dataset], partition_key: PartitionKey
) -> AsyncIterator[Outcome]:
    context.report_plan(plan.skipped(account_client.profile, datasets, _key_text(context, partition_key)))
    requested = datasets_for(account_client.profile, datasets)
    if not requested:
        return
    finished = set()
    try:
        async for outcome in _refresh_partition(context, account_client, requested, partition_key):
            finished.add(outcome.dataset.name)
            yield outcome
    except BillEtlError as error:
        for dataset in requested:
            if dataset.name not in finished:
                yield Outcome(dataset, account_client.account, _key_text(context, partition_key), error=error)


def _refresh_partition(
    context: RefreshContext, account_client: AccountClient, datasets: Sequence[Dataset], partition_key: PartitionKey
) -> AsyncIterator[Outcome]:
    if isinstance(partition_key, BillMonth):
        return refresh_month(context, account_client, datasets, partition_key)
    if isinstance(partition_key, date):
        return refresh_day(context, account_client, datasets, partition_key)
    return refresh_snapshots(context, account_client, datasets)


def _key_text(context: RefreshContext, partition_key: PartitionKey) -> str:
    return context.clock.today().isoformat() if partition_key is None else str(partition_key)


async def refresh_snapshots(
    context: RefreshContext, account_client: AccountClient, datasets: Sequence[Dataset]
) -> AsyncIterator[Outcome]:
    """Refresh today's snapshots of datasets, lists first; a second snapshot of a day replaces the first.

    Raises Busy if another run is refreshing snapshots.
    """
    partition_key = context.clock.today().isoformat()
    blocking_errors: dict[str, BillEtlError] = {}
    async for outcome in _refresh_lists(context, account_client, datasets, blocking_errors):
        yield outcome
    ready, blocked = split_ready(
        account_client,
        [dataset for dataset in datasets if dataset not in lists.LISTS],
        partition_key,
        blocking_errors,
    )
    for outcome in blocked:
        yield outcome
    if ready:
        with _locked(context, account_client, "snapshots", f"the snapshots of account '{account_client.account}'"):
            customers = lists.read_customers(context, account_client.profile, ready)
            work = [slices.snapshot_work(context, account_client.profile, dataset, customers) for dataset in ready]
            async for outcome in _pull_and_land(context, account_client, work, partition_key, customers):
                yield outcome


async def refresh_day(
    context: RefreshContext, account_client: AccountClient, datasets: Sequence[Dataset], day: date
) -> AsyncIterator[Outcome]:
    """Refresh datasets of a day. Raises Busy if another run is refreshing this day."""
    blocking_errors: dict[str, BillEtlError] = {}
    async for outcome in _refresh_lists(context, account_client, datasets, blocking_errors):
        yield outcome
    ready, blocked = split_ready(account_client, datasets, day.isoformat(), blocking_errors)
    for outcome in blocked:
        yield outcome
    customers = lists.read_customers(context, account_client.profile, ready)
    async for outcome in _pull_day(context, account_client, ready, day, customers):
        yield outcome


async def _pull_day(
    context: RefreshContext, account_client: AccountClient, datasets: Sequence[Dataset], day: date, customers: Customers
) -> AsyncIterator[Outcome]:
    with _locked(context, account_client, day.isoformat(), f"account '{account_client.account}', day {day}"):
        work = [slices.day_work(context, account_client.profile, dataset, day, customers) for dataset in datasets]
        async for outcome in _pull_and_land(context, account_client, work, day.isoformat(), customers):
            yield outcome


async def refresh_month(
    context: RefreshContext, account_client: AccountClient, datasets: Sequence[Dataset], month: BillMonth
) -> AsyncIterator[Outcome]:
    """Refresh datasets of a month: the lists and days first, then the datasets, then those that depend on their rows.

    What a killed run of the same day (UTC+8) has landed whole is not requested again. Raises Busy if another run is
    refreshing this month.
    """
    with _locked(context, account_client, month.key, f"account '{account_client.account}', month {month}"):
        blocking_errors: dict[str, BillEtlError] = {}
        async for outcome in _refresh_lists(context, account_client, datasets, blocking_errors):
            yield outcome
        ready, blocked = split_ready(account_client, datasets, month.key, blocking_errors)
        for outcome in blocked:
            yield outcome
        customers = lists.read_customers(context, account_client.profile, ready)
        context = _with_resumed_run(context, account_client, month)
        changed: Mapping[str | None, str | None] = {}
        if any(dataset.changed_if for dataset in ready):
            days = slices.days_to_refresh(context, account_client.profile, month)
            failed = False
            for day in days:
                async for outcome in _pull_day(context, account_client, (BY_DAY,), day, customers):
                    failed = failed or outcome.error is not None
                    yield outcome
            changed = {} if failed else slices.last_changes(context, account_client.profile, month, days)
        dependent = [dataset for dataset in ready if dataset.requested_if_cost or dataset.requested_if_rows]
        for group in ([dataset for dataset in ready if dataset not in dependent], dependent):
            work = [
                slices.month_work(context, account_client.profile, dataset, month, customers, changed)
                for dataset in group
            ]
            async for outcome in _pull_and_land(context, account_client, work, month.key, customers):
                yield outcome
        paths.unfinished_run(context.home, account_client.account, month.key).unlink(missing_ok=True)


def _with_resumed_run(context: RefreshContext, account_client: AccountClient, month: BillMonth) -> RefreshContext:
    """Return the context with the id of a run that was killed today (UTC+8) while refreshing this month.

    If there is none, return the context as it is, and write a marker with its run id for a later run to resume.
    """
    marker, today = (
        paths.unfinished_run(context.home, account_client.account, month.key),
        context.clock.today().isoformat(),
    )
    try:
        unfinished = json.loads(marker.read_text())
        if unfinished["day"] == today and unfinished["full"] >= context.full:
            return replace(context, run_id=str(unfinished["run_id"]))
    except (OSError, ValueError, KeyError, TypeError):
        pass  # no run was killed, or the marker was only half written
    with land.storage_failures(marker):
        marker.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        marker.write_text(json.dumps({"day": today, "run_id": context.run_id, "full": context.full}))
    return context


async def _refresh_lists(
    context: RefreshContext,
    account_client: AccountClient,
    datasets: Sequence[Dataset],
    blocking_errors: dict[str, BillEtlError],
) -> AsyncIterator[Outcome]:
    """Refresh the lists among the datasets, and those that the datasets need unless they have landed today.

    Adds to `blocking_errors`, by list, the error that forbids requesting anything by it: with an incomplete list,
    customers would be missing without notice.
    """
    needed = lists.needed_lists(account_client.profile, datasets)
    for dataset in lists.LISTS:
        if dataset not in datasets and dataset not in needed:
            continue
        try:
            outcome = await _refresh_list(context, account_client, dataset, blocking_errors, anew=dataset in datasets)
            if outcome and (list_error := _list_error(outcome)):
                blocking_errors[dataset.name] = list_error
            if outcome:
                yield outcome
            lists.read_uins(context, account_client.profile, dataset)
        except BillEtlError as error:
            blocking_errors.setdefault(dataset.name, error)


async def _refresh_list(
    context: RefreshContext,
    account_client: AccountClient,
    dataset: Dataset,
    blocking_errors: Mapping[str, BillEtlError],
    *,
    anew: bool,
) -> Outcome | None:
    """Refresh a list; return None if it has landed today and need not be refreshed `anew`.

    Waits while another run is refreshing lists.
    """
    partition_key = context.clock.today().isoformat()
    if blocking_error := _blocking_error(account_client, dataset, blocking_errors):
        return Outcome(dataset, account_client.account, partition_key, error=blocking_error)
    deadline = time.monotonic() + _WAIT
    try:
        while anew or not lists.is_landed_today(context, account_client.profile, dataset):
            try:
                with _locked(context, account_client, "lists", f"the lists of account '{account_client.account}'"):
                    nobody = lists.Customers()
                    work = slices.snapshot_work(context, account_client.profile, dataset, nobody)
                    (outcome,) = [
                        outcome
                        async for outcome in _pull_and_land(context, account_client, [work], partition_key, nobody)
                    ]
                    return outcome
            except Busy:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(_POLL)
    except BillEtlError as error:
        return Outcome(dataset, account_client.account, partition_key, error=error)
    return None


def split_ready(
    account_client: AccountClient,
    datasets: Sequence[Dataset],
    partition_key: str,
    blocking_errors: Mapping[str, BillEtlError],
) -> tuple[list[Dataset], list[Outcome]]:
    """Return the datasets that can be requested, and the outcomes of those that an error of a list blocks."""
    found = [(dataset, _blocking_error(account_client, dataset, blocking_errors)) for dataset in datasets]
    blocked = [
        Outcome(dataset, account_client.account, partition_key, error=error) for dataset, error in found if error
    ]
    return [dataset for dataset, error in found if not error], blocked


def _blocking_error(
    account_client: AccountClient, dataset: Dataset, blocking_errors: Mapping[str, BillEtlError]
) -> BillEtlError | None:
    """Return the error that blocks a dataset: a list that it needs is not whole, or the access key is refused."""
    needed = {list_.name for list_ in lists.needed_lists(account_client.profile, (dataset,))}
    errors = (
        error for name, error in blocking_errors.items() if name in needed or isinstance(error, CredentialRefused)
    )
    return next(errors, None)


def _list_error(outcome: Outcome) -> BillEtlError | None:
    """Return the error of a refreshed list that forbids requesting anything by it.

    A refusal of one second-level reseller's customers is not such an error.
    """
    if outcome.error or outcome.file is None:
        return outcome.error
    incomplete = [s for s in outcome.file.manifest.slices if s.proof == Proof.UNPROVEN or _is_temporary_failure(s)]
    if not incomplete:
        return None
    return RequestUnanswered(
        f"The list {outcome.dataset.name} of account '{outcome.account}' is not proven complete: "
        f"{'; '.join(state.reason for state in incomplete)}. What depends on it is not requested, since "
        "customers could be missing. Run again; if this stays, contact the service's support.",
        action=outcome.dataset.action.name,
        code="UnprovenList",
    )


def _is_temporary_failure(state: SliceState) -> bool:
    """Whether a slice failed without a refusal, so that a later run may succeed."""
    return state.proof == Proof.FAILED and not issubclass(codes.rule_for(state.code or "").error, RequestRefused)


async def _pull_and_land(
    context: RefreshContext,
    account_client: AccountClient,
    work_lists: Sequence[WorkList],
    partition_key: str,
    customers: Customers,
) -> AsyncIterator[Outcome]:
    """Pull and land work lists of one partition, and give each dataset's outcome.

    Datasets that need no request, such as those that this run has landed whole before, give their outcome first.
    """
    pending = []
    for work in work_lists:
        try:
            outcome = _outcome_without_request(context, account_client, work, partition_key)
        except CorruptFile as error:
            path = partition_of(context, account_client.account, work.dataset, partition_key).path
            land.set_aside(path, str(error), land.UNREADABLE_DIGEST)
            yield Outcome(work.dataset, account_client.account, partition_key, error=error)
        else:
            if outcome:
                yield outcome
            else:
                pending.append(work)
    if not pending:
        return
    context.report_plan(tuple(plan.plan_work(context, account_client.profile, work, partition_key) for work in pending))
    request = _extract_request(context, account_client, pending, partition_key, customers)
    meter = _UsageMeter(account_client)
    async with aclosing(extract.pull(request, account_client.client, context.report_progress)) as results:
        async for dataset, result in results:
            try:
                if isinstance(result, Exception):
                    raise result
                file = await _run_in_thread(_land, context, account_client, request, customers, result)
            except BillEtlError as error:
                yield Outcome(dataset, account_client.account, partition_key, error=error, usage=meter.usage(dataset))
            else:
                yield Outcome(
                    dataset,
                    account_client.account,
                    partition_key,
                    file=file,
                    usage=meter.usage(dataset, result.page_count),
                )


def _outcome_without_request(
    context: RefreshContext, account_client: AccountClient, work: WorkList, partition_key: str
) -> Outcome | None:
    """Return the outcome of a dataset that needs no request: this run landed it whole, or nothing is to be requested.

    Return None if it needs requests. Raises CorruptFile.
    """
    partition = partition_of(context, account_client.account, work.dataset, partition_key)
    manifest = land.landed(partition)
    file = land.LandedFile(partition.path.relative_to(context.home).as_posix(), manifest) if manifest else None
    is_ours = manifest and manifest.run_id == context.run_id and manifest.month_state == partition.month_state
    if manifest and is_ours and manifest.state == "whole":
        return Outcome(work.dataset, account_client.account, partition_key, file=file)
    if work.why_skipped or (file and work.left_out and not work.slices):
        return Outcome(
            work.dataset,
            account_client.account,
            partition_key,
            file=file,
            why_skipped=work.why_skipped or work.why_left_out,
        )
    return None


async def _run_in_thread(function: Callable[..., _T], *values: object) -> _T:
    """Call a function in a thread and wait for its end, even if cancelled: it writes under a lock that we hold."""
    running = asyncio.ensure_future(asyncio.to_thread(function, *values))
    try:
        return await asyncio.shield(running)
    finally:
        await asyncio.gather(running, return_exceptions=True)


def _land(
    context: RefreshContext,
    account_client: AccountClient,
    request: extract.ExtractRequest,
    customers: Customers,
    pull: extract.DatasetPull,
) -> land.LandedFile:
    """Land a pull and remove its ledger. If landing fails, the ledger stays, so that a later run resumes.

    A downloaded file that is not a table fails its own slice only; the others are landed.
    """
    results = list(pull.results)
    partition = partition_of(context, account_client.account, pull.dataset, request.partition_key)
    try:
        while True:
            pulled = land.Pulled(
                results=results,
                pages=_pages(pull, results),
                listed=request.listed,
                direct=customers.direct,
                requested_from=pull.requested_from,
                requested_to=pull.requested_to,
                code_version=context.code_version,
                run_id=context.run_id,
            )
            try:
                file = land.land(partition, pulled)
                break
            except UnreadableFile as error:
                remaining = [_fail_unreadable(result, error) for result in results]
                if remaining == results:
                    raise
                results = remaining
    except BaseException:
        pull.close()
        raise
    pull.remove()
    return file


def _pages(pull: extract.DatasetPull, results: Sequence[SliceResult]) -> Iterator[Page]:
    """Return the pages of a pull: those of its ledger, or those of the files whose slices have not failed."""
    if pull.dataset.file is None:
        return pull.pages()
    received = {result.slice for result in results if result.proof is not Proof.FAILED}
    return chain.from_iterable(land.file_pages(pull.dataset, file) for file in pull.files if file.slice in received)


def _fail_unreadable(result: SliceResult, error: UnreadableFile) -> SliceResult:
    """Return the result as failed if the unreadable file is its slice's, else as it is."""
    if (result.customer_uin, result.slice_params) != (error.customer_uin, error.slice_params):
        return result
    return replace(result, proof=Proof.FAILED, proven_at=None, reason=str(error), code="UnreadableFile", digest="")


def _extract_request(
    context: RefreshContext,
    account_client: AccountClient,
    work_lists: Sequence[WorkList],
    partition_key: str,
    customers: Customers,
) -> extract.ExtractRequest:
    datasets = tuple(work.dataset for work in work_lists)
    is_issued = any(month_state(context, dataset, partition_key) is MonthState.ISSUED for dataset in datasets)
    return extract.ExtractRequest(
        account=account_client.account,
        datasets=datasets,
        partition_key=partition_key,
        slices={work.dataset.name: work.slices for work in work_lists},
        listed=customers.listed,
        ledgers={
            d.name: paths.ledger_file(context.home, d.name, account_client.account, partition_key) for d in datasets
        },
        folders={d.name: paths.files_folder(context.home, d.name) for d in datasets if d.file},
        paging=account_client.profile.paging,
        is_issued=is_issued,
        day=context.clock.today().isoformat(),
        known_costs=_known_costs(context, account_client, partition_key) if is_issued else {},
    )


def _known_costs(
    context: RefreshContext, account_client: AccountClient, partition_key: str
) -> dict[tuple[str, str], Decimal]:
    """Return summary costs proven since the month was issued, to reconcile bill lines that are pulled without them."""
    return {
        (SUMMARY.name, state.customer_uin): Decimal(state.cost)
        for state in slices.landed_slices(context, account_client.profile, SUMMARY, partition_key).values()
        if state.customer_uin and state.cost is not None and state.proven_issued
    }


def _locked(
    context: RefreshContext, account_client: AccountClient, partition_key: str, what: str
) -> AbstractContextManager[None]:
    return locks.held(paths.partition_lock(context.home, account_client.account, partition_key), what)


class _UsageMeter:
    """Usage by dataset, from the client's request counts by action; datasets of one action share its requests."""

    def __init__(self, account_client: AccountClient) -> None:
        self._account_client = account_client
        self._began = time.monotonic()
        self._reported = {
            action: (stats.requests, stats.throttled) for action, stats in account_client.client.request_stats.items()
        }

    def usage(self, dataset: Dataset, pages: int = 0) -> Usage:
        """Return the usage since the last call for a dataset of the same action."""
        stats = self._account_client.client.request_stats.get(dataset.action.name)
        if stats is None or stats.first_sent is None or stats.last_sent is None:
            return Usage(pages)
        requests_before, throttled_before = self._reported.get(dataset.action.name, (0, 0))
        self._reported[dataset.action.name] = (stats.requests, stats.throttled)
        requests = stats.requests - requests_before
        seconds = stats.last_sent - max(stats.first_sent, self._began)
        # In less than a second a few requests would look like any rate.
        share = (requests - 1) / (self._account_client.profile.limit(dataset) * seconds) if seconds >= 1 else 0.0
        return Usage(pages, requests, stats.throttled - throttled_before, max(seconds, 0.0), share)
