"""Refreshes the partitions of accounts: lists first, then what is asked of them. Only here extract and land are joined.

What does not belong here: who is asked (`subjects`), settings (callers pass values), models, Dagster.
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
from pipelines.endpoints.asker import asked_of
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
from pipelines.refresh import lists, plan, subjects
from pipelines.refresh.run import Outcome, Run, Source, Usage, state, target
from pipelines.refresh.subjects import BY_DAY, Asked

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence

    from pipelines.endpoints.shapes import Dataset
    from pipelines.land import LandedCustomer
    from pipelines.pages import CustomerPull
    from pipelines.refresh.lists import Customers

SUMMARY = DATASETS["customer_bill_summary"]

Key = BillMonth | date | None
"""A bill month, a day, or None: as of now."""

_T = TypeVar("_T")
_WAIT = 900.0
"""Seconds to wait for another run that takes the lists that this one needs."""
_POLL = 1.0
"""Seconds between two looks."""


async def refresh(
    run: Run, sources: Sequence[Source], datasets: Sequence[Dataset], key: Key
) -> AsyncGenerator[Outcome, None]:
    """Refresh datasets of one partition kind for several accounts at once; give outcomes as they come.

    Every account and dataset gets one, except what an account is not asked for; one account's failure leaves the
    others. Lists that are needed and were not taken today, and of an open month the days that tell what has changed,
    give outcomes besides. The month's state is that of when the refresh began, even if its bill comes out meanwhile.
    """
    run = replace(run, clock=BillingClock(run.clock.now()))
    await asyncio.to_thread(warm_up)
    outcomes: asyncio.Queue[Outcome | Exception | None] = asyncio.Queue()

    async def one(source: Source) -> None:
        try:
            async for outcome in _of_account(run, source, datasets, key):
                outcomes.put_nowait(outcome)
        except Exception as error:  # noqa: BLE001  handed to whoever waits for outcomes, and raised there at the end
            outcomes.put_nowait(error)
        finally:
            outcomes.put_nowait(None)

    tasks = [asyncio.create_task(one(source)) for source in sources]
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


async def _of_account(run: Run, source: Source, datasets: Sequence[Dataset], key: Key) -> AsyncIterator[Outcome]:
    run.planned(plan.skipped(source.asker, datasets, _spelled(run, key)))
    asked = asked_of(source.asker, datasets)
    if not asked:
        return
    answered = set()
    try:
        async for outcome in _of_partition(run, source, asked, key):
            answered.add(outcome.dataset.name)
            yield outcome
    except BillEtlError as error:
        for dataset in asked:
            if dataset.name not in answered:
                yield Outcome(dataset, source.account, _spelled(run, key), error=error)


def _of_partition(run: Run, source: Source, datasets: Sequence[Dataset], key: Key) -> AsyncIterator[Outcome]:
    if isinstance(key, BillMonth):
        return refresh_month(run, source, datasets, key)
    if isinstance(key, date):
        return refresh_day(run, source, datasets, key)
    return refresh_now(run, source, datasets)


def _spelled(run: Run, key: Key) -> str:
    return run.clock.today().isoformat() if key is None else str(key)


async def refresh_now(run: Run, source: Source, datasets: Sequence[Dataset]) -> AsyncIterator[Outcome]:
    """Take datasets as of now, as today's snapshots; a second one on a day replaces the first.

    Lists come first, since others are asked of them. Raises Busy if another run is taking snapshots.
    """
    key = run.clock.today().isoformat()
    doubts: dict[str, BillEtlError] = {}
    async for outcome in _lists_for(run, source, datasets, doubts):
        yield outcome
    fit, doubtful = _fit(source, [dataset for dataset in datasets if dataset not in lists.IN_ORDER], key, doubts)
    for outcome in doubtful:
        yield outcome
    if fit:
        with _locked(run, source, "snapshots", f"the snapshots of account '{source.account}'"):
            who = lists.customers(run, source.asker, fit)
            asked = [subjects.of_now(run, source.asker, dataset, who) for dataset in fit]
            async for outcome in _refresh(run, source, asked, key, who):
                yield outcome


async def refresh_day(run: Run, source: Source, datasets: Sequence[Dataset], day: date) -> AsyncIterator[Outcome]:
    """Refresh datasets of a day. Raises Busy if another run is at this day."""
    doubts: dict[str, BillEtlError] = {}
    async for outcome in _lists_for(run, source, datasets, doubts):
        yield outcome
    fit, doubtful = _fit(source, datasets, day.isoformat(), doubts)
    for outcome in doubtful:
        yield outcome
    async for outcome in _of_day(run, source, fit, day, lists.customers(run, source.asker, fit)):
        yield outcome


async def _of_day(
    run: Run, source: Source, datasets: Sequence[Dataset], day: date, who: Customers
) -> AsyncIterator[Outcome]:
    with _locked(run, source, day.isoformat(), f"account '{source.account}', day {day}"):
        asked = [subjects.of_day(run, source.asker, dataset, day, who) for dataset in datasets]
        async for outcome in _refresh(run, source, asked, day.isoformat(), who):
            yield outcome


async def refresh_month(
    run: Run, source: Source, datasets: Sequence[Dataset], month: BillMonth
) -> AsyncIterator[Outcome]:
    """Refresh datasets of a month: lists and days first, then what may have changed, then what is asked of that.

    What a killed run of the same day landed whole is not asked again. Raises Busy if another run is at this month.
    """
    with _locked(run, source, month.key, f"account '{source.account}', month {month}"):
        doubts: dict[str, BillEtlError] = {}
        async for outcome in _lists_for(run, source, datasets, doubts):
            yield outcome
        fit, doubtful = _fit(source, datasets, month.key, doubts)
        for outcome in doubtful:
            yield outcome
        who = lists.customers(run, source.asker, fit)
        run = _carried_on(run, source, month)
        changed: Mapping[str | None, str | None] = {}
        if any(dataset.moved_by for dataset in fit):
            days = subjects.days_again(run, source.asker, month)
            failed = False
            for day in days:
                async for outcome in _of_day(run, source, (BY_DAY,), day, who):
                    failed = failed or outcome.error is not None
                    yield outcome
            changed = {} if failed else subjects.changes(run, source.asker, month, days)
        later = [dataset for dataset in fit if dataset.owed_by or dataset.billed_by]
        for group in ([dataset for dataset in fit if dataset not in later], later):
            asked = [subjects.of_month(run, source.asker, dataset, month, who, changed) for dataset in group]
            async for outcome in _refresh(run, source, asked, month.key, who):
                yield outcome
        paths.unfinished_run(run.home, source.account, month.key).unlink(missing_ok=True)


def _carried_on(run: Run, source: Source, month: BillMonth) -> Run:
    """Take up the id of a run of this billing day that was killed at this month, or leave this run's for the next."""
    marker, today = paths.unfinished_run(run.home, source.account, month.key), run.clock.today().isoformat()
    try:
        left = json.loads(marker.read_text())
        if left["day"] == today and left["full"] >= run.full:
            return replace(run, run_id=str(left["run_id"]))
    except (OSError, ValueError, KeyError, TypeError):
        pass  # none was killed; a marker that was half written is as good as none
    with land.storage_failures(marker):
        marker.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        marker.write_text(json.dumps({"day": today, "run_id": run.run_id, "full": run.full}))
    return run


async def _lists_for(
    run: Run, source: Source, datasets: Sequence[Dataset], doubts: dict[str, BillEtlError]
) -> AsyncIterator[Outcome]:
    """Take the lists among datasets, and today's of those that they are asked of, unless they are there.

    `doubts` is told, by list, what speaks against asking anything of it: of a short one, customers would be left out
    unseen.
    """
    needed = lists.needed(source.asker, datasets)
    for dataset in lists.IN_ORDER:
        if dataset not in datasets and dataset not in needed:
            continue
        try:
            outcome = await _taken(run, source, dataset, doubts, anew=dataset in datasets)
            if outcome and (doubt := _doubt_of_list(outcome)):
                doubts[dataset.name] = doubt
            if outcome:
                yield outcome
            lists.uins(run, source.asker, dataset)
        except BillEtlError as error:
            doubts.setdefault(dataset.name, error)


async def _taken(
    run: Run, source: Source, dataset: Dataset, doubts: Mapping[str, BillEtlError], *, anew: bool
) -> Outcome | None:
    """Take a list; None if today's is there and need not be taken `anew`. Waits for a run that is taking lists."""
    key = run.clock.today().isoformat()
    if doubt := _doubt_of(source, dataset, doubts):
        return Outcome(dataset, source.account, key, error=doubt)
    deadline = time.monotonic() + _WAIT
    try:
        while anew or not lists.is_todays(run, source.asker, dataset):
            try:
                with _locked(run, source, "lists", f"the lists of account '{source.account}'"):
                    asked = subjects.of_now(run, source.asker, dataset, lists.Customers())
                    (outcome,) = [each async for each in _refresh(run, source, [asked], key, lists.Customers())]
                    return outcome
            except Busy:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(_POLL)
    except BillEtlError as error:
        return Outcome(dataset, source.account, key, error=error)
    return None


def _fit(
    source: Source, datasets: Sequence[Dataset], key: str, doubts: Mapping[str, BillEtlError]
) -> tuple[list[Dataset], list[Outcome]]:
    """Part the datasets that can be asked from those of whose lists something speaks against it."""
    found = [(dataset, _doubt_of(source, dataset, doubts)) for dataset in datasets]
    doubtful = [Outcome(dataset, source.account, key, error=doubt) for dataset, doubt in found if doubt]
    return [dataset for dataset, doubt in found if not doubt], doubtful


def _doubt_of(source: Source, dataset: Dataset, doubts: Mapping[str, BillEtlError]) -> BillEtlError | None:
    """Say what speaks against asking a dataset: a list that it is asked of is not whole, or the key is refused."""
    needed = {each.name for each in lists.needed(source.asker, (dataset,))}
    return next((d for name, d in doubts.items() if name in needed or isinstance(d, CredentialRefused)), None)


def _doubt_of_list(taken: Outcome) -> BillEtlError | None:
    """Say what speaks against asking anything of a list. That one reseller's customers are refused does not."""
    if taken.error or taken.file is None:
        return taken.error
    doubtful = [c for c in taken.file.manifest.customers if c.proof == Proof.UNPROVEN or _may_pass(c)]
    if not doubtful:
        return None
    return RequestUnanswered(
        f"The list {taken.dataset.name} of account '{taken.account}' is not proven to be whole: "
        f"{'; '.join(customer.reason for customer in doubtful)}. Nothing is asked of it, since customers would be left "
        "out unseen. Run again; if it stays, ask the service's support.",
        action=taken.dataset.action.name,
        code="UnprovenList",
    )


def _may_pass(customer: LandedCustomer) -> bool:
    """Tell whether a pull failed in a way that is gone tomorrow: nobody was refused, only not answered."""
    return customer.proof == Proof.FAILED and not issubclass(codes.rule(customer.code or "").error, RequestRefused)


async def _refresh(
    run: Run, source: Source, asked: Sequence[Asked], key: str, who: Customers
) -> AsyncIterator[Outcome]:
    """Ask, land, and give each dataset's outcome; nothing is asked of what this run landed whole before."""
    wanted = []
    for each in asked:
        try:
            outcome = _without_asking(run, source, each, key)
        except CorruptFile as error:
            yield Outcome(each.dataset, source.account, key, error=error)
        else:
            if outcome:
                yield outcome
            else:
                wanted.append(each)
    if not wanted:
        return
    run.planned(tuple(plan.planned(run, source.asker, each, key) for each in wanted))
    question, meter = _question(run, source, wanted, key, who), _Meter(source)
    async with aclosing(extract.pull(question, source.client, run.progress)) as results:
        async for dataset, result in results:
            try:
                if isinstance(result, Exception):
                    raise result
                file = await _off_the_loop(_land, run, source, question, who, result)
            except BillEtlError as error:
                yield Outcome(dataset, source.account, key, error=error, usage=meter.usage(dataset))
            else:
                yield Outcome(dataset, source.account, key, file=file, usage=meter.usage(dataset, result.page_count))


def _without_asking(run: Run, source: Source, asked: Asked, key: str) -> Outcome | None:
    """Return what a dataset comes to if it need not be asked: this run landed it whole, or nothing can have changed."""
    place = target(run, source.account, asked.dataset, key)
    manifest = land.landed(place)
    file = land.LandedFile(place.path.relative_to(run.home).as_posix(), manifest) if manifest else None
    ours = manifest and manifest.run_id == run.run_id and manifest.month_state == place.month_state
    if manifest and ours and manifest.state == "whole":
        return Outcome(asked.dataset, source.account, key, file=file)
    if asked.skipped or (file and asked.left and not asked.subjects):
        return Outcome(asked.dataset, source.account, key, file=file, skipped=asked.skipped or asked.why)
    return None


async def _off_the_loop(work: Callable[..., _T], *values: object) -> _T:
    """Do work in a thread; if this is cancelled, still wait for it: the lock must not be let go while it writes."""
    working = asyncio.ensure_future(asyncio.to_thread(work, *values))
    try:
        return await asyncio.shield(working)
    finally:
        await asyncio.gather(working, return_exceptions=True)


def _land(
    run: Run, source: Source, question: extract.Question, who: Customers, pull: extract.DatasetPull
) -> land.LandedFile:
    """Land a pull and forget its pages; they stay if the landing fails, for a run that carries on.

    A downloaded file that is no table fails its own subject; the others are landed.
    """
    customers = list(pull.customers)
    place = target(run, source.account, pull.dataset, question.key)
    try:
        while True:
            pulled = land.Pulled(
                customers=customers,
                pages=_pages(pull, customers),
                listed=question.listed,
                direct=who.direct,
                asked_from=pull.asked_from,
                asked_to=pull.asked_to,
                code_version=run.code_version,
                run_id=run.run_id,
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


def _pages(pull: extract.DatasetPull, customers: Sequence[CustomerPull]) -> Iterator[Page]:
    if pull.dataset.file is None:
        return pull.pages()
    fit = {customer.subject for customer in customers if customer.proof is not Proof.FAILED}
    return chain.from_iterable(land.file_pages(pull.dataset, file) for file in pull.files if file.subject in fit)


def _unreadable(customer: CustomerPull, error: UnreadableFile) -> CustomerPull:
    if (customer.customer_uin, customer.part) != (error.customer_uin, error.part):
        return customer
    return replace(customer, proof=Proof.FAILED, proven_at=None, reason=str(error), code="UnreadableFile", digest="")


def _question(run: Run, source: Source, asked: Sequence[Asked], key: str, who: Customers) -> extract.Question:
    datasets = tuple(each.dataset for each in asked)
    is_closed = any(state(run, dataset, key) is MonthState.CLOSED for dataset in datasets)
    return extract.Question(
        account=source.account,
        datasets=datasets,
        key=key,
        subjects={each.dataset.name: each.subjects for each in asked},
        listed=who.listed,
        ledgers={d.name: paths.ledger_file(run.home, d.name, source.account, key) for d in datasets},
        folders={d.name: paths.files_folder(run.home, d.name) for d in datasets if d.file},
        paging=source.asker.paging,
        is_closed=is_closed,
        day=run.clock.today().isoformat(),
        known_costs=_known_costs(run, source, key) if is_closed else {},
    )


def _known_costs(run: Run, source: Source, key: str) -> dict[tuple[str, str], Decimal]:
    """Summary costs proven since the month closed, which prove a detail that is pulled without them."""
    return {
        (SUMMARY.name, customer.customer_uin): Decimal(customer.cost)
        for customer in subjects.landed(run, source.asker, SUMMARY, key).values()
        if customer.customer_uin and customer.cost is not None and customer.proven_closed
    }


def _locked(run: Run, source: Source, key: str, what: str) -> AbstractContextManager[None]:
    return locks.held(paths.partition_lock(run.home, source.account, key), what)


class _Meter:
    """Tells what each dataset cost, of the client's tallies by action; datasets of one action share its requests."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._began = time.monotonic()
        self._told = {action: (tally.requests, tally.throttled) for action, tally in source.client.tallies.items()}

    def usage(self, dataset: Dataset, pages: int = 0) -> Usage:
        """Return what was asked since the last dataset of the same action was told of."""
        tally = self._source.client.tallies.get(dataset.action.name)
        if tally is None or tally.first_sent is None or tally.last_sent is None:
            return Usage(pages)
        requests, throttled = self._told.get(dataset.action.name, (0, 0))
        self._told[dataset.action.name] = (tally.requests, tally.throttled)
        asked, seconds = tally.requests - requests, tally.last_sent - max(tally.first_sent, self._began)
        # In less than a second a few requests would look like any rate.
        share = (asked - 1) / (self._source.asker.limit(dataset) * seconds) if seconds >= 1 else 0.0
        return Usage(pages, asked, tally.throttled - throttled, max(seconds, 0.0), share)
