"""Refreshes one partition of one account: who is asked, the pull, the landing. Only here extract and land are joined.

What does not belong here: settings (callers pass values), models (built when landings have settled), Dagster.
"""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import AbstractContextManager, aclosing
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

from pipelines import extract, land, locks, paths
from pipelines.endpoints import DATASETS
from pipelines.endpoints.shapes import PartitionKind
from pipelines.errors import BillEtlError, Busy, CorruptFile, RequestUnanswered
from pipelines.pages import warm_up
from pipelines.periods import BillingClock, BillMonth, MonthState

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
    from pathlib import Path

    from pipelines.client import Client
    from pipelines.endpoints.shapes import Dataset, Role

CUSTOMERS = DATASETS["customers"]
SUMMARY = DATASETS["customer_bill_summary"]
MONTHLY = tuple(dataset for dataset in DATASETS.values() if dataset.partition is PartitionKind.BILL_MONTH)

_T = TypeVar("_T")
_LIST_WAIT = 900.0
"""Seconds that a month waits for another run to take the day's customer list."""
_LIST_POLL = 1.0
"""Seconds between two looks."""


@dataclass(frozen=True, slots=True)
class Run:
    """What all refreshes of a run share.

    `run_id` names the run and its re-executions: what it landed whole is not asked again.
    """

    home: Path
    clock: BillingClock
    code_version: str
    run_id: str
    progress: Callable[[extract.Progress], None]


@dataclass(frozen=True, slots=True)
class Source:
    """Who is asked: an account, what it is to the service, the client that speaks for it, its own limits by action."""

    account: str
    role: Role
    client: Client
    limits: Mapping[str, int]

    def limit(self, dataset: Dataset) -> int:
        """Return the requests per second allowed for a dataset's action."""
        return self.limits.get(dataset.action.name, dataset.action.limit)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a dataset cost the account: pages kept, requests sent, how many of them were throttled, seconds between the
    first and the last, and the share of the allowed rate that this is (1.0: as fast as allowed).
    """

    pages: int = 0
    requests: int = 0
    throttled: int = 0
    seconds: float = 0.0
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one dataset: the file landed (also where nothing had to be asked), or the failure."""

    dataset: Dataset
    account: str
    key: str
    file: land.LandedFile | None = None
    error: BillEtlError | None = None
    usage: Usage = Usage()


def asked_of(role: Role, datasets: Sequence[Dataset]) -> tuple[Dataset, ...]:
    """Return the datasets whose action the role may call."""
    return tuple(dataset for dataset in datasets if role in dataset.action.roles)


async def refresh(
    run: Run, sources: Sequence[Source], datasets: Sequence[Dataset], month: BillMonth | None
) -> AsyncGenerator[Outcome, None]:
    """Refresh datasets of a month (None: the customer list) for several accounts at once; give outcomes as they come.

    Every account and dataset gets one, except what an account's role may not ask; one account's failure leaves the
    others. A month may give a customer list besides, where the day's was not there. The month's state is that of when
    the refresh began, even if its bill comes out meanwhile.
    """
    run = replace(run, clock=BillingClock(run.clock.now()))
    await asyncio.to_thread(warm_up)
    outcomes: asyncio.Queue[Outcome | Exception | None] = asyncio.Queue()

    async def one(source: Source) -> None:
        try:
            async for outcome in _of_account(run, source, datasets, month):
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


async def _of_account(
    run: Run, source: Source, datasets: Sequence[Dataset], month: BillMonth | None
) -> AsyncIterator[Outcome]:
    asked = asked_of(source.role, datasets)
    if not asked:
        return
    answered = set()
    key = month.key if month else run.clock.today().isoformat()
    try:
        if month is None:
            yield await refresh_customers(run, source)
            return
        async for outcome in refresh_month(run, source, month, asked):
            answered.add(outcome.dataset.name)
            yield outcome
    except BillEtlError as error:
        for dataset in asked:
            if dataset.name not in answered:
                yield Outcome(dataset, source.account, key, error=error)


async def refresh_customers(run: Run, source: Source) -> Outcome:
    """Take the account's customer list now, as today's snapshot; a second one on a day replaces the first.

    Raises Busy if another run is taking it.
    """
    key = run.clock.today().isoformat()
    with _locked(run, source, "customers", f"the customer list of account '{source.account}'"):
        (outcome,) = [outcome async for outcome in _refresh(run, source, (CUSTOMERS,), key, ())]
    return outcome


async def refresh_month(
    run: Run, source: Source, month: BillMonth, datasets: Sequence[Dataset]
) -> AsyncIterator[Outcome]:
    """Refresh datasets of a month, the first done first; the day's customer list is taken if it is not there.

    Customers asked: those listed now and those seen in that month before. What a killed run of the same day landed
    whole is not asked again. Raises Busy if another run is at this month.
    """
    with _locked(run, source, month.key, f"account '{source.account}', month {month}"):
        taken = await _todays_list(run, source)
        if taken is not None:
            yield taken
            if error := taken.error or _doubt_of_list(taken):
                for dataset in datasets:
                    yield Outcome(dataset, source.account, month.key, error=error)
                return
        customers = _listed(run, source) | _seen(run, source, month)
        carried_on = _carried_on(run, source, month)
        async for outcome in _refresh(carried_on, source, datasets, month.key, tuple(sorted(customers))):
            yield outcome
        _unfinished(run, source, month).unlink(missing_ok=True)


def _carried_on(run: Run, source: Source, month: BillMonth) -> Run:
    """Take up the id of a run of this billing day that was killed at this month, or leave this run's for the next."""
    marker, today = _unfinished(run, source, month), run.clock.today().isoformat()
    try:
        left = json.loads(marker.read_text())
        if left["day"] == today:
            return replace(run, run_id=str(left["run_id"]))
    except (OSError, ValueError, KeyError, TypeError):
        pass  # none was killed; a marker that was half written is as good as none
    with land.storage_failures(marker):
        marker.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        marker.write_text(json.dumps({"day": today, "run_id": run.run_id}))
    return run


def _unfinished(run: Run, source: Source, month: BillMonth) -> Path:
    return paths.unfinished_run(run.home, source.account, month.key)


def _doubt_of_list(taken: Outcome) -> BillEtlError | None:
    """Say what speaks against asking a month of this list: one that may be short would leave customers out unseen."""
    if taken.file is None or taken.file.manifest.state == "whole":
        return None
    reason = "; ".join(customer.reason for customer in taken.file.manifest.customers)
    return RequestUnanswered(
        f"The customer list of account '{taken.account}' is not proven to be whole: {reason}. No month is asked of it, "
        "since customers would be left out unseen. Run again; if it stays, ask the service's support.",
        action=CUSTOMERS.action.name,
        code="UnprovenList",
    )


async def _todays_list(run: Run, source: Source) -> Outcome | None:
    """Take today's customer list unless a whole one is landed; None if it is. Waits for a run that is taking it."""
    deadline = time.monotonic() + _LIST_WAIT
    while not _has_todays_list(run, source):
        try:
            return await refresh_customers(run, source)
        except Busy:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(_LIST_POLL)
    return None


def _has_todays_list(run: Run, source: Source) -> bool:
    manifest = land.landed(_target(run, source, CUSTOMERS, run.clock.today().isoformat()))
    return manifest is not None and manifest.state == "whole"


async def _refresh(
    run: Run, source: Source, datasets: Sequence[Dataset], key: str, customers: tuple[str, ...]
) -> AsyncIterator[Outcome]:
    wanted = []
    for dataset in datasets:
        try:
            file = _landed_by(run, source, dataset, key)
        except CorruptFile as error:
            yield Outcome(dataset, source.account, key, error=error)
        else:
            if file:
                yield Outcome(dataset, source.account, key, file=file)
            else:
                wanted.append(dataset)
    question = _question(run, source, wanted, key, customers)
    async with aclosing(extract.pull(question, source.client, run.progress)) as results:
        async for dataset, result in results:
            try:
                if isinstance(result, Exception):
                    raise result
                file = await _off_the_loop(_land, run, source, question, result)
            except BillEtlError as error:
                yield Outcome(dataset, source.account, key, error=error, usage=_usage(source, dataset))
            else:
                yield Outcome(dataset, source.account, key, file=file, usage=_usage(source, dataset, result.page_count))


async def _off_the_loop(work: Callable[..., _T], *values: object) -> _T:
    """Do work in a thread; if this is cancelled, still wait for it: the lock must not be let go while it writes."""
    working = asyncio.ensure_future(asyncio.to_thread(work, *values))
    try:
        return await asyncio.shield(working)
    finally:
        await asyncio.gather(working, return_exceptions=True)


def _land(run: Run, source: Source, question: extract.Question, pull: extract.DatasetPull) -> land.LandedFile:
    """Land a pull and forget its pages; they stay if the landing fails, for a run that carries on."""
    pulled = land.Pulled(
        customers=pull.customers,
        pages=pull.pages(),
        listed=question.listed,
        asked_from=pull.asked_from,
        asked_to=pull.asked_to,
        code_version=run.code_version,
        run_id=run.run_id,
    )
    try:
        file = land.land(_target(run, source, pull.dataset, question.key), pulled)
    except BaseException:
        pull.close()
        raise
    pull.remove()
    return file


def _question(
    run: Run, source: Source, datasets: Sequence[Dataset], key: str, customers: tuple[str, ...]
) -> extract.Question:
    ledgers = {d.name: paths.ledger_file(run.home, d.name, source.account, key) for d in datasets}
    is_closed = any(_state(run, d, key) is MonthState.CLOSED for d in datasets)
    return extract.Question(
        account=source.account,
        datasets=tuple(datasets),
        key=key,
        customers=customers,
        listed=frozenset(_listed(run, source)) if customers else frozenset(),
        ledgers=ledgers,
        is_closed=is_closed,
        day=run.clock.today().isoformat(),
        known_costs=_known_costs(run, source, key) if is_closed else {},
    )


def _known_costs(run: Run, source: Source, key: str) -> dict[tuple[str, str], Decimal]:
    """Summary costs proven since the month closed, which prove a detail that is pulled without them."""
    return {
        (SUMMARY.name, customer.customer_uin): Decimal(customer.cost)
        for customer in _customers(run, source, SUMMARY, key)
        if customer.customer_uin and customer.cost is not None and customer.proven_closed
    }


def _landed_by(run: Run, source: Source, dataset: Dataset, key: str) -> land.LandedFile | None:
    """Return what this very run, before it was re-executed, landed whole."""
    target = _target(run, source, dataset, key)
    manifest = land.landed(target)
    if manifest is None or manifest.run_id != run.run_id or manifest.month_state != target.month_state:
        return None
    if manifest.state != "whole":
        return None
    return land.LandedFile(target.path.relative_to(run.home).as_posix(), manifest)


def _listed(run: Run, source: Source) -> set[str]:
    """Return the customers of the account's newest list."""
    folder = _target(run, source, CUSTOMERS, "*").path.parent.parent
    newest = max(path.parent.name for path in folder.glob("snapshot_date=*/data.parquet"))
    target = _target(run, source, CUSTOMERS, newest.removeprefix("snapshot_date="))
    customers = set()
    strange = []
    for customer in land.texts(target, "CustomerUin"):
        if customer and customer.isdecimal():
            customers.add(customer)
        else:
            strange.append(str(customer))
    if strange:
        raise RequestUnanswered(
            f"The customer list of account '{source.account}' holds what is no UIN: {', '.join(sorted(set(strange)))}. "
            "Take the list again; if it stays, the API has changed.",
            action=CUSTOMERS.action.name,
            code="UnknownShape",
        )
    return customers


def _seen(run: Run, source: Source, month: BillMonth) -> set[str]:
    """Return the customers asked for that month before; some may no longer be listed."""
    return {
        customer.customer_uin
        for dataset in MONTHLY
        for customer in _customers(run, source, dataset, month.key)
        if customer.customer_uin
    }


def _customers(run: Run, source: Source, dataset: Dataset, key: str) -> tuple[land.LandedCustomer, ...]:
    """Return what is landed of each customer; nothing of a file that cannot be read, which its own dataset reports."""
    try:
        manifest = land.landed(_target(run, source, dataset, key))
    except CorruptFile:
        return ()
    return manifest.customers if manifest else ()


def _target(run: Run, source: Source, dataset: Dataset, key: str) -> land.Target:
    return land.Target(run.home, dataset, source.account, key, _state(run, dataset, key))


def _state(run: Run, dataset: Dataset, key: str) -> MonthState | None:
    if dataset.partition is not PartitionKind.BILL_MONTH:
        return None
    return BillMonth(key).state(run.clock.now())


def _locked(run: Run, source: Source, key: str, what: str) -> AbstractContextManager[None]:
    return locks.held(paths.partition_lock(run.home, source.account, key), what)


def _usage(source: Source, dataset: Dataset, pages: int = 0) -> Usage:
    tally = source.client.tallies.get(dataset.action.name)
    if tally is None or tally.first_sent is None or tally.last_sent is None:
        return Usage(pages)
    seconds = tally.last_sent - tally.first_sent
    share = (tally.requests - 1) / (source.limit(dataset) * seconds) if seconds > 0 else 0.0
    return Usage(pages, tally.requests, tally.throttled, seconds, share)
