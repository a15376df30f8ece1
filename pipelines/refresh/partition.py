"""Refreshes the partitions of accounts: lists first, then what is asked of them. Only here extract and land are joined.

What does not belong here: who is asked (`slices`), settings (callers pass values), models, Dagster.
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
from pipelines.refresh.values import AccountClient, Outcome, RefreshContext, Usage, partition_of, state

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence

    from pipelines.endpoints.shapes import Dataset
    from pipelines.land import SliceState
    from pipelines.pages import SliceResult
    from pipelines.refresh.lists import Customers

SUMMARY = DATASETS["customer_bill_summary"]

PartitionKey = BillMonth | date | None
"""A bill month, a day, or None: as of now."""

_T = TypeVar("_T")
_WAIT = 900.0
"""Seconds to wait for another run that takes the lists that this one needs."""
_POLL = 1.0
"""Seconds between two looks."""


async def refresh(
    context: RefreshContext,
    account_clients: Sequence[AccountClient],
    datasets: Sequence[Dataset],
    partition_key: PartitionKey,
) -> AsyncGenerator[Outcome, None]:
    """Refresh datasets of one partition kind for several accounts at once; give outcomes as they come.

    Every account and dataset gets one, except what an account is not asked for; one account's failure leaves the
    others. Lists that are needed and were not taken today, and of an open month the days that tell what has changed,
    give outcomes besides. The month's state is that of when the refresh began, even if its bill comes out meanwhile.
    """
    context = replace(context, clock=BillingClock(context.clock.now()))
    await asyncio.to_thread(warm_up)
    outcomes: asyncio.Queue[Outcome | Exception | None] = asyncio.Queue()

    async def one(account_client: AccountClient) -> None:
        try:
            async for outcome in _of_account(context, account_client, datasets, partition_key):
                outcomes.put_nowait(outcome)
        except Exception as error:  # noqa: BLE001  handed to whoever waits for outcomes, and raised there at the end
            outcomes.put_nowait(error)
        finally:
            outcomes.put_nowait(None)

    tasks = [asyncio.create_task(one(account_client)) for account_client in account_clients]
    mistake = None
    try:
        for _ in tasks:
            while (outcome := await outcomes.get()) is not None:
                if isinstance(outcome, Exception):
                    mistake = outcome
                else:
                    yield outcome
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if mistake:
        raise mistake


async def _of_account(
    context: RefreshContext, account_client: AccountClient, datasets: Sequence[Dataset], partition_key: PartitionKey
) -> AsyncIterator[Outcome]:
    context.planned(plan.skipped(account_client.profile, datasets, _spelled(context, partition_key)))
    asked = datasets_for(account_client.profile, datasets)
    if not asked:
        return
    answered = set()
    try:
        async for outcome in _of_partition(context, account_client, asked, partition_key):
            answered.add(outcome.dataset.name)
            yield outcome
    except BillEtlError as error:
        for dataset in asked:
            if dataset.name not in answered:
                yield Outcome(dataset, account_client.account, _spelled(context, partition_key), error=error)


def _of_partition(
    context: RefreshContext, account_client: AccountClient, datasets: Sequence[Dataset], partition_key: PartitionKey
) -> AsyncIterator[Outcome]:
    if isinstance(partition_key, BillMonth):
        return refresh_month(context, account_client, datasets, partition_key)
    if isinstance(partition_key, date):
        return refresh_day(context, account_client, datasets, partition_key)
    return refresh_now(context, account_client, datasets)


def _spelled(context: RefreshContext, partition_key: PartitionKey) -> str:
    return context.clock.today().isoformat() if partition_key is None else str(partition_key)


async def refresh_now(
    context: RefreshContext, account_client: AccountClient, datasets: Sequence[Dataset]
) -> AsyncIterator[Outcome]:
    """Take datasets as of now, as today's snapshots; a second one on a day replaces the first.

    Lists come first, since others are asked of them. Raises Busy if another run is taking snapshots.
    """
    partition_key = context.clock.today().isoformat()
    blocking_errors: dict[str, BillEtlError] = {}
    async for outcome in _lists_for(context, account_client, datasets, blocking_errors):
        yield outcome
    ready, blocked = split_ready(
        account_client,
        [dataset for dataset in datasets if dataset not in lists.IN_ORDER],
        partition_key,
        blocking_errors,
    )
    for outcome in blocked:
        yield outcome
    if ready:
        with _locked(context, account_client, "snapshots", f"the snapshots of account '{account_client.account}'"):
            who = lists.customers(context, account_client.profile, ready)
            asked = [slices.snapshot_work(context, account_client.profile, dataset, who) for dataset in ready]
            async for outcome in _refresh(context, account_client, asked, partition_key, who):
                yield outcome


async def refresh_day(
    context: RefreshContext, account_client: AccountClient, datasets: Sequence[Dataset], day: date
) -> AsyncIterator[Outcome]:
    """Refresh datasets of a day. Raises Busy if another run is at this day."""
    blocking_errors: dict[str, BillEtlError] = {}
    async for outcome in _lists_for(context, account_client, datasets, blocking_errors):
        yield outcome
    ready, blocked = split_ready(account_client, datasets, day.isoformat(), blocking_errors)
    for outcome in blocked:
        yield outcome
    async for outcome in _of_day(
        context, account_client, ready, day, lists.customers(context, account_client.profile, ready)
    ):
        yield outcome


async def _of_day(
    context: RefreshContext, account_client: AccountClient, datasets: Sequence[Dataset], day: date, who: Customers
) -> AsyncIterator[Outcome]:
    with _locked(context, account_client, day.isoformat(), f"account '{account_client.account}', day {day}"):
        asked = [slices.day_work(context, account_client.profile, dataset, day, who) for dataset in datasets]
        async for outcome in _refresh(context, account_client, asked, day.isoformat(), who):
            yield outcome


async def refresh_month(
    context: RefreshContext, account_client: AccountClient, datasets: Sequence[Dataset], month: BillMonth
) -> AsyncIterator[Outcome]:
    """Refresh datasets of a month: lists and days first, then what may have changed, then what is asked of that.

    What a killed run of the same day landed whole is not asked again. Raises Busy if another run is at this month.
    """
    with _locked(context, account_client, month.key, f"account '{account_client.account}', month {month}"):
        blocking_errors: dict[str, BillEtlError] = {}
        async for outcome in _lists_for(context, account_client, datasets, blocking_errors):
            yield outcome
        ready, blocked = split_ready(account_client, datasets, month.key, blocking_errors)
        for outcome in blocked:
            yield outcome
        who = lists.customers(context, account_client.profile, ready)
        context = _carried_on(context, account_client, month)
        changed: Mapping[str | None, str | None] = {}
        if any(dataset.changed_if for dataset in ready):
            days = slices.days_again(context, account_client.profile, month)
            failed = False
            for day in days:
                async for outcome in _of_day(context, account_client, (BY_DAY,), day, who):
                    failed = failed or outcome.error is not None
                    yield outcome
            changed = {} if failed else slices.changes(context, account_client.profile, month, days)
        later = [dataset for dataset in ready if dataset.requested_if_cost or dataset.requested_if_rows]
        for group in ([dataset for dataset in ready if dataset not in later], later):
            asked = [
                slices.month_work(context, account_client.profile, dataset, month, who, changed) for dataset in group
            ]
            async for outcome in _refresh(context, account_client, asked, month.key, who):
                yield outcome
        paths.unfinished_run(context.home, account_client.account, month.key).unlink(missing_ok=True)


def _carried_on(context: RefreshContext, account_client: AccountClient, month: BillMonth) -> RefreshContext:
    """Take up the id of a run of this billing day that was killed at this month, or leave this run's for the next."""
    marker, today = (
        paths.unfinished_run(context.home, account_client.account, month.key),
        context.clock.today().isoformat(),
    )
    try:
        left = json.loads(marker.read_text())
        if left["day"] == today and left["full"] >= context.full:
            return replace(context, run_id=str(left["run_id"]))
    except (OSError, ValueError, KeyError, TypeError):
        pass  # none was killed; a marker that was half written is as good as none
    with land.storage_failures(marker):
        marker.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        marker.write_text(json.dumps({"day": today, "run_id": context.run_id, "full": context.full}))
    return context


async def _lists_for(
    context: RefreshContext,
    account_client: AccountClient,
    datasets: Sequence[Dataset],
    blocking_errors: dict[str, BillEtlError],
) -> AsyncIterator[Outcome]:
    """Take the lists among datasets, and today's of those that they are asked of, unless they are there.

    `blocking_errors` is told, by list, what speaks against asking anything of it: of a short one, customers would be left out
    unseen.
    """
    needed = lists.needed(account_client.profile, datasets)
    for dataset in lists.IN_ORDER:
        if dataset not in datasets and dataset not in needed:
            continue
        try:
            outcome = await _taken(context, account_client, dataset, blocking_errors, anew=dataset in datasets)
            if outcome and (error_found := _list_error(outcome)):
                blocking_errors[dataset.name] = error_found
            if outcome:
                yield outcome
            lists.uins(context, account_client.profile, dataset)
        except BillEtlError as error:
            blocking_errors.setdefault(dataset.name, error)


async def _taken(
    context: RefreshContext,
    account_client: AccountClient,
    dataset: Dataset,
    blocking_errors: Mapping[str, BillEtlError],
    *,
    anew: bool,
) -> Outcome | None:
    """Take a list; None if today's is there and need not be taken `anew`. Waits for a run that is taking lists."""
    partition_key = context.clock.today().isoformat()
    if error_found := _blocking_error(account_client, dataset, blocking_errors):
        return Outcome(dataset, account_client.account, partition_key, error=error_found)
    deadline = time.monotonic() + _WAIT
    try:
        while anew or not lists.is_todays(context, account_client.profile, dataset):
            try:
                with _locked(context, account_client, "lists", f"the lists of account '{account_client.account}'"):
                    asked = slices.snapshot_work(context, account_client.profile, dataset, lists.Customers())
                    (outcome,) = [
                        each
                        async for each in _refresh(context, account_client, [asked], partition_key, lists.Customers())
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
    """Part the datasets that can be asked from those of whose lists something speaks against it."""
    found = [(dataset, _blocking_error(account_client, dataset, blocking_errors)) for dataset in datasets]
    blocked = [
        Outcome(dataset, account_client.account, partition_key, error=error_found)
        for dataset, error_found in found
        if error_found
    ]
    return [dataset for dataset, error_found in found if not error_found], blocked


def _blocking_error(
    account_client: AccountClient, dataset: Dataset, blocking_errors: Mapping[str, BillEtlError]
) -> BillEtlError | None:
    """Say what speaks against asking a dataset: a list that it is asked of is not whole, or the key is refused."""
    needed = {each.name for each in lists.needed(account_client.profile, (dataset,))}
    return next((d for name, d in blocking_errors.items() if name in needed or isinstance(d, CredentialRefused)), None)


def _list_error(taken: Outcome) -> BillEtlError | None:
    """Say what speaks against asking anything of a list. That one reseller's customers are refused does not."""
    if taken.error or taken.file is None:
        return taken.error
    blocked = [c for c in taken.file.manifest.slices if c.proof == Proof.UNPROVEN or _may_pass(c)]
    if not blocked:
        return None
    return RequestUnanswered(
        f"The list {taken.dataset.name} of account '{taken.account}' is not proven to be whole: "
        f"{'; '.join(customer.reason for customer in blocked)}. Nothing is asked of it, since customers would be left "
        "out unseen. Run again; if it stays, ask the service's support.",
        action=taken.dataset.action.name,
        code="UnprovenList",
    )


def _may_pass(customer: SliceState) -> bool:
    """Tell whether a pull failed in a way that is gone tomorrow: nobody was refused, only not answered."""
    return customer.proof == Proof.FAILED and not issubclass(codes.rule_for(customer.code or "").error, RequestRefused)


async def _refresh(
    context: RefreshContext,
    account_client: AccountClient,
    asked: Sequence[WorkList],
    partition_key: str,
    who: Customers,
) -> AsyncIterator[Outcome]:
    """Ask, land, and give each dataset's outcome; nothing is asked of what this run landed whole before."""
    wanted = []
    for each in asked:
        try:
            outcome = _without_asking(context, account_client, each, partition_key)
        except CorruptFile as error:
            yield Outcome(each.dataset, account_client.account, partition_key, error=error)
        else:
            if outcome:
                yield outcome
            else:
                wanted.append(each)
    if not wanted:
        return
    context.planned(tuple(plan.planned(context, account_client.profile, each, partition_key) for each in wanted))
    request, meter = _extract_request(context, account_client, wanted, partition_key, who), _Meter(account_client)
    async with aclosing(extract.pull(request, account_client.client, context.progress)) as results:
        async for dataset, result in results:
            try:
                if isinstance(result, Exception):
                    raise result
                file = await _off_the_loop(_land, context, account_client, request, who, result)
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


def _without_asking(
    context: RefreshContext, account_client: AccountClient, asked: WorkList, partition_key: str
) -> Outcome | None:
    """Return what a dataset comes to if it need not be asked: this run landed it whole, or nothing can have changed."""
    place = partition_of(context, account_client.account, asked.dataset, partition_key)
    manifest = land.landed(place)
    file = land.LandedFile(place.path.relative_to(context.home).as_posix(), manifest) if manifest else None
    ours = manifest and manifest.run_id == context.run_id and manifest.month_state == place.month_state
    if manifest and ours and manifest.state == "whole":
        return Outcome(asked.dataset, account_client.account, partition_key, file=file)
    if asked.skipped or (file and asked.left and not asked.slices):
        return Outcome(
            asked.dataset, account_client.account, partition_key, file=file, skipped=asked.skipped or asked.why
        )
    return None


async def _off_the_loop(work: Callable[..., _T], *values: object) -> _T:
    """Do work in a thread; if this is cancelled, still wait for it: the lock must not be let go while it writes."""
    working = asyncio.ensure_future(asyncio.to_thread(work, *values))
    try:
        return await asyncio.shield(working)
    finally:
        await asyncio.gather(working, return_exceptions=True)


def _land(
    context: RefreshContext,
    account_client: AccountClient,
    request: extract.ExtractRequest,
    who: Customers,
    pull: extract.DatasetPull,
) -> land.LandedFile:
    """Land a pull and forget its pages; they stay if the landing fails, for a run that carries on.

    A downloaded file that is no table fails its own subject; the others are landed.
    """
    customers = list(pull.results)
    place = partition_of(context, account_client.account, pull.dataset, request.partition_key)
    try:
        while True:
            pulled = land.Pulled(
                results=customers,
                pages=_pages(pull, customers),
                listed=request.listed,
                direct=who.direct,
                requested_from=pull.requested_from,
                requested_to=pull.requested_to,
                code_version=context.code_version,
                run_id=context.run_id,
            )
            try:
                file = land.land(place, pulled)
                break
            except UnreadableFile as error:
                failed = [_unreadable(customer, error) for customer in customers]
                if failed == customers:
                    raise
                customers = failed
    except BaseException:
        pull.close()
        raise
    pull.remove()
    return file


def _pages(pull: extract.DatasetPull, customers: Sequence[SliceResult]) -> Iterator[Page]:
    if pull.dataset.file is None:
        return pull.pages()
    ready = {customer.slice for customer in customers if customer.proof is not Proof.FAILED}
    return chain.from_iterable(land.file_pages(pull.dataset, file) for file in pull.files if file.slice in ready)


def _unreadable(customer: SliceResult, error: UnreadableFile) -> SliceResult:
    if (customer.customer_uin, customer.slice_params) != (error.customer_uin, error.slice_params):
        return customer
    return replace(customer, proof=Proof.FAILED, proven_at=None, reason=str(error), code="UnreadableFile", digest="")


def _extract_request(
    context: RefreshContext,
    account_client: AccountClient,
    asked: Sequence[WorkList],
    partition_key: str,
    who: Customers,
) -> extract.ExtractRequest:
    datasets = tuple(each.dataset for each in asked)
    is_issued = any(state(context, dataset, partition_key) is MonthState.ISSUED for dataset in datasets)
    return extract.ExtractRequest(
        account=account_client.account,
        datasets=datasets,
        partition_key=partition_key,
        slices={each.dataset.name: each.slices for each in asked},
        listed=who.listed,
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
    """Summary costs proven since the month closed, which prove a detail that is pulled without them."""
    return {
        (SUMMARY.name, customer.customer_uin): Decimal(customer.cost)
        for customer in slices.landed(context, account_client.profile, SUMMARY, partition_key).values()
        if customer.customer_uin and customer.cost is not None and customer.proven_issued
    }


def _locked(
    context: RefreshContext, account_client: AccountClient, partition_key: str, what: str
) -> AbstractContextManager[None]:
    return locks.held(paths.partition_lock(context.home, account_client.account, partition_key), what)


class _Meter:
    """Counts what each dataset cost in requests. The client counts by action; datasets of one action share its requests."""

    def __init__(self, account_client: AccountClient) -> None:
        self._account_client = account_client
        self._began = time.monotonic()
        self._told = {
            action: (tally.requests, tally.throttled) for action, tally in account_client.client.request_stats.items()
        }

    def usage(self, dataset: Dataset, pages: int = 0) -> Usage:
        """Return what was asked since the last dataset of the same action was told of."""
        tally = self._account_client.client.request_stats.get(dataset.action.name)
        if tally is None or tally.first_sent is None or tally.last_sent is None:
            return Usage(pages)
        requests, throttled = self._told.get(dataset.action.name, (0, 0))
        self._told[dataset.action.name] = (tally.requests, tally.throttled)
        asked, seconds = tally.requests - requests, tally.last_sent - max(tally.first_sent, self._began)
        # In less than a second a few requests would look like any rate.
        share = (asked - 1) / (self._account_client.profile.limit(dataset) * seconds) if seconds >= 1 else 0.0
        return Usage(pages, asked, tally.throttled - throttled, max(seconds, 0.0), share)
