"""Who and what a dataset is asked about: the subjects of a partition, and which of them can have changed.

Everything here follows from the catalogue, the account's settings, its lists and what is landed; nothing is asked.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any

from pipelines import land
from pipelines.endpoints import DATASETS
from pipelines.endpoints.shapes import DIRECT, INDIRECT, TAG_KEY, Each, PartitionKind
from pipelines.errors import CorruptFile
from pipelines.pages import Proof, Subject, amount
from pipelines.periods import BILLING_ZONE, FIRST_BILL_DATE, BillMonth, MonthState
from pipelines.refresh import lists
from pipelines.refresh.run import state, target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pipelines.endpoints.asker import Asker
    from pipelines.endpoints.shapes import Dataset
    from pipelines.land import LandedCustomer, Manifest
    from pipelines.refresh.lists import Customers
    from pipelines.refresh.run import Run

BY_DAY = DATASETS["customer_bill_by_day"]
DAYS_AGAIN = 3
"""Days, the running one among them, whose bills are asked again daily: when a day is complete is not documented."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What of a dataset is asked: these subjects. `left` others are not, since `why`: their rows stay as landed.

    `skipped` says why nothing is asked of the partition at all; then there is nothing to land either.
    """

    dataset: Dataset
    subjects: tuple[Subject, ...] = ()
    left: int = 0
    why: str = ""
    skipped: str = ""


def of_now(run: Run, asker: Asker, dataset: Dataset, who: Customers) -> Asked:
    """Say what to ask of a dataset that is taken as of now. Raises as `lists.customers`."""
    if dataset.each is Each.CUSTOMER and dataset.customer_parameter:
        return Asked(dataset, tuple(Subject(uin) for uin in sorted(who.direct)))
    if dataset.each is Each.CUSTOMER:
        return Asked(dataset, tuple(_batches(dataset, [int(uin) for uin in sorted(who.direct)])))
    if dataset.each is Each.SUB_AGENT:
        sub_agents = sorted(lists.uins(run, asker, lists.SUB_AGENTS))
        return Asked(dataset, tuple(_batches(dataset, [int(uin) for uin in sub_agents])))
    if dataset.each is Each.POLICY_CODE:
        return Asked(dataset, tuple(_batches(dataset, asker.policy_codes)))
    if dataset.each is Each.INVITATION_TOKEN:
        return Asked(dataset, tuple(_batches(dataset, asker.invitation_tokens)))
    return Asked(dataset, tuple(_variants(asker, dataset)))


def of_day(run: Run, asker: Asker, dataset: Dataset, day: date, who: Customers) -> Asked:
    """Say what to ask of a day: everyone listed now, or seen on that day before."""
    seen = {customer.customer_uin for customer in landed(run, asker, dataset, day.isoformat()).values()}
    return Asked(dataset, tuple(Subject(uin) for uin in sorted(who.listed | set(filter(None, seen)))))


def days_again(run: Run, asker: Asker, month: BillMonth) -> tuple[date, ...]:
    """Return the days of a month to ask again: its last ones, and where days are missing all since those before.

    In a `full` run also those that are not proven or were last asked before they were over. Of a month whose bill is
    out it is only in a full run that days are asked: these, and those missing since the first that landed.
    """
    last = min(run.clock.today(), (month.next.start - timedelta(days=1)).date())
    there = _landed_days(run, asker, month)
    missing = [day for day in _days(there[0], last) if day not in there] if there else []
    poor = [day for day in there if not _is_settled_day(run, asker, day)] if run.full else []
    if month.state(run.clock.now()) is MonthState.CLOSED:
        return tuple(sorted({*missing, *poor})) if run.full else ()
    first = min(missing, default=last) - timedelta(days=DAYS_AGAIN - 1)
    again = {*_days(max(first, month.start.date()), last), *poor}
    return tuple(day for day in sorted(again) if day.isoformat() >= FIRST_BILL_DATE)


def of_month(
    run: Run, asker: Asker, dataset: Dataset, month: BillMonth, who: Customers, changed: Mapping[str | None, str | None]
) -> Asked:
    """Say what to ask of a month: of everyone listed now or seen in that month before, those who can have changed.

    `changed` is what `changes` gives. A month whose bill is out is asked whole, whenever it is asked; so is everything
    if the run is `full`. Files are asked only of who was billed. Raises CorruptFile.
    """
    closed = state(run, dataset, month.key) is MonthState.CLOSED
    if dataset.once_billed and not closed:
        return Asked(dataset, skipped="the month's bill is not out")
    if closed and is_by_files(asker, dataset):
        return Asked(dataset, skipped="bill files are asked instead, as set")
    before = landed(run, asker, dataset, month.key)
    subjects = _of_month(run, asker, dataset, month, who, before)
    if dataset.file is not None:
        return _of_files(run, asker, dataset, month, subjects, before)
    wanted, why = _wanted(run, asker, dataset, month, before, changed)
    asked = tuple(subject for subject in subjects if wanted(subject))
    return Asked(dataset, asked, len(subjects) - len(asked), why)


def _wanted(
    run: Run,
    asker: Asker,
    dataset: Dataset,
    month: BillMonth,
    before: Mapping[Subject, LandedCustomer],
    changed: Mapping[str | None, str | None],
) -> tuple[Callable[[Subject], bool], str]:
    """Return what tells which subjects to ask, and why the others are left."""
    closed = state(run, dataset, month.key) is MonthState.CLOSED
    if run.full:
        return lambda _: True, ""
    if dataset.owed_by:
        settled = _settled(run, asker, dataset.owed_by, month)
        return (
            lambda s: s.customer_uin not in settled and not _is_paid(before.get(s)),
            "nothing was spent, or it is paid",
        )
    if dataset.moved_by and not closed:
        return (
            lambda s: s.customer_uin not in changed or _has_moved(before.get(s), changed[s.customer_uin]),
            "their daily bills have not changed since",
        )
    if closed and run.unproven and dataset.each is Each.CUSTOMER:
        unproven = _unproven_in(run, asker, month)
        return lambda s: s.customer_uin in unproven or s not in before, "they were proven since the bill is out"
    return lambda _: True, ""


def _of_month(
    run: Run, asker: Asker, dataset: Dataset, month: BillMonth, who: Customers, seen: Iterable[Subject]
) -> tuple[Subject, ...]:
    if dataset.each is Each.VOUCHER:
        return tuple(sorted({*lists.used_vouchers(run, asker, month), *seen}, key=str))
    if dataset.each is Each.CUSTOMER:
        left = {subject.customer_uin: subject for subject in seen if subject.customer_uin not in who.listed}
        before = seen_in(run, asker, month)
        indirect = who.indirect | {uin for uin, direct in before.items() if not direct and uin not in who.listed}
        everyone = sorted(who.listed | before.keys())
        return tuple(left.get(uin) or Subject.of(uin, _kind(dataset, indirect=uin in indirect)) for uin in everyone)
    if dataset.kind_parameter:
        kinds = (False, True) if who.indirect or Subject.of(None, _kind(dataset, indirect=True)) in seen else (False,)
        return tuple(Subject.of(None, _kind(dataset, indirect=indirect)) for indirect in kinds)
    return tuple(_variants(asker, dataset))


def _of_files(
    run: Run,
    asker: Asker,
    dataset: Dataset,
    month: BillMonth,
    subjects: tuple[Subject, ...],
    before: Mapping[Subject, LandedCustomer],
) -> Asked:
    """Say whose files to ask: of who was billed, those not taken since the bill is out, or since it last changed."""
    bills: dict[str | None, LandedCustomer] = {}
    if dataset.billed_by:
        manifest = _manifest(run, asker, DATASETS[dataset.billed_by], month.key)
        if manifest is None or manifest.month_state != MonthState.CLOSED:
            return Asked(dataset, skipped=f"there is no {dataset.billed_by} of the month's bill that says who has one")
        bills = {customer.customer_uin: customer for customer in manifest.customers}
        billed = {uin for uin, bill in bills.items() if bill.rows or not bill.proven_closed}
        subjects = tuple(s for s in subjects if s.customer_uin in billed)
    asked = tuple(s for s in subjects if run.full or not _is_taken(before.get(s), bills.get(s.customer_uin)))
    return Asked(dataset, asked, len(subjects) - len(asked), "their files were taken since the bill is out")


def is_by_files(asker: Asker, dataset: Dataset) -> bool:
    """Tell whether a closed month's lines are taken from bill files instead of this dataset, as set."""
    return asker.files_when_closed and dataset.name in ("customer_bill_detail", "own_bill_detail")


def changes(run: Run, asker: Asker, month: BillMonth, days: Iterable[date]) -> Mapping[str | None, str | None]:
    """Return when each customer's daily bills of a month last changed (ISO 8601, UTC), by what is landed of its days.

    None stands for a customer of whom no day ever cost anything. Customers of whom one of `days` is not known are left
    out: they may have changed.
    """
    wanted = set(days)
    known: Counter[str | None] = Counter()
    found: dict[str | None, str | None] = {}
    for day in sorted(wanted.union(_landed_days(run, asker, month))):
        for customer in landed(run, asker, BY_DAY, day.isoformat()).values():
            uin = customer.customer_uin
            known[uin] += day in wanted and _is_proven(customer)
            found[uin] = max(found.get(uin) or "", customer.changed_at or "") or None
    return {uin: at for uin, at in found.items() if known[uin] == len(wanted)}


def seen_in(run: Run, asker: Asker, month: BillMonth) -> dict[str, bool]:
    """Return the customers asked for that month before, and whether they were the account's own; some may be gone."""
    monthly = (d for d in DATASETS.values() if d.partition is PartitionKind.BILL_MONTH and d.each is Each.CUSTOMER)
    seen: dict[str, bool] = {}
    for customer in chain.from_iterable(landed(run, asker, dataset, month.key).values() for dataset in monthly):
        if customer.customer_uin:
            seen[customer.customer_uin] = seen.get(customer.customer_uin, True) and customer.direct
    return seen


def _unproven_in(run: Run, asker: Asker, month: BillMonth) -> set[str | None]:
    """Return the customers of whom something was not proven since the month's bill is out, in any dataset of it."""
    monthly = (d for d in DATASETS.values() if d.partition is PartitionKind.BILL_MONTH and d.each is Each.CUSTOMER)
    found = chain.from_iterable(landed(run, asker, dataset, month.key).values() for dataset in monthly)
    return {customer.customer_uin for customer in found if not (_is_proven(customer) and customer.proven_closed)}


def landed(run: Run, asker: Asker, dataset: Dataset, key: str) -> dict[Subject, LandedCustomer]:
    """Return what is landed of each subject; nothing of a file that cannot be read, which its own dataset reports."""
    manifest = _manifest(run, asker, dataset, key)
    return {customer.subject: customer for customer in manifest.customers} if manifest else {}


def request_counts(run: Run, asker: Asker, asked: Asked, key: str) -> int:
    """Estimate the requests that asking takes, from the pages that are landed; one for what never was.

    A link to a file is taken to be asked for twice: until it is ready.
    """
    dataset = asked.dataset
    if dataset.file is not None:
        return 2 * len(asked.subjects)
    paging = asker.paging.get(dataset.action.name, dataset.action.paging)
    if paging is None:
        return len(asked.subjects)
    if dataset.partition is PartitionKind.SNAPSHOT_DATE:
        key = lists.newest(run, asker, dataset) or key
    before = landed(run, asker, dataset, key)
    return sum(_pages(before[s].rows, paging.size) if s in before else 1 for s in asked.subjects)


def _manifest(run: Run, asker: Asker, dataset: Dataset, key: str) -> Manifest | None:
    try:
        return land.landed(target(run, asker.account, dataset, key))
    except CorruptFile:
        return None


def _pages(rows: int, size: int) -> int:
    """Count the pages of a listing, one past a full last page, and the first again if there are several."""
    pages = math.ceil(rows / size) + (rows > 0 and rows % size == 0) or 1
    return pages + (rows > size)


def _landed_days(run: Run, asker: Asker, month: BillMonth) -> list[date]:
    days = _days(month.start.date(), (month.next.start - timedelta(days=1)).date())
    return [day for day in days if target(run, asker.account, BY_DAY, day.isoformat()).path.exists()]


def _is_settled_day(run: Run, asker: Asker, day: date) -> bool:
    """Tell whether a day is landed whole, as of when it was over."""
    manifest = _manifest(run, asker, BY_DAY, day.isoformat())
    over = datetime.combine(day + timedelta(days=1), datetime.min.time(), BILLING_ZONE)
    return manifest is not None and manifest.state == "whole" and datetime.fromisoformat(manifest.asked_to) >= over


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _settled(run: Run, asker: Asker, owed_by: str, month: BillMonth) -> set[str | None]:
    """Return who is known to have spent nothing in a month whose bill is out."""
    customers = landed(run, asker, DATASETS[owed_by], month.key).values()
    return {c.customer_uin for c in customers if c.proven_closed and _is_proven(c) and not amount(c.cost)}


def _is_paid(customer: LandedCustomer | None) -> bool:
    return customer is not None and customer.proven_closed and _is_proven(customer) and not amount(customer.cost)


def _is_proven(customer: LandedCustomer) -> bool:
    return customer.proof == Proof.PROVEN


def _is_taken(file: LandedCustomer | None, bill: LandedCustomer | None) -> bool:
    """Tell whether a file was taken since the bill is out, and since it last changed."""
    if file is None or not (_is_proven(file) and file.proven_closed):
        return False
    return bill is None or bill.changed_at is None or not _is_older(file, bill.changed_at)


def _has_moved(customer: LandedCustomer | None, changed_at: str | None) -> bool:
    """Tell whether a customer's rows may have changed since they were proven; what never cost anything has not."""
    if customer is None or not _is_proven(customer):
        return True
    return changed_at is not None and _is_older(customer, changed_at)


def _is_older(customer: LandedCustomer, changed_at: str) -> bool:
    return customer.proven_at is None or datetime.fromisoformat(customer.proven_at) < datetime.fromisoformat(changed_at)


def _kind(dataset: Dataset, *, indirect: bool) -> dict[str, Any]:
    return {dataset.kind_parameter: INDIRECT if indirect else DIRECT} if dataset.kind_parameter else {}


def _variants(asker: Asker, dataset: Dataset) -> Iterator[Subject]:
    """Give what the whole account is asked: the dataset's variants, and those of each tag key that is set."""
    for variant in dataset.variants:
        yield Subject.of(None, dict(variant))
    for variant in dataset.tag_variants:
        for tag_key in asker.tag_keys:
            yield Subject.of(None, {name: _tagged(value, tag_key) for name, value in variant.items()})


def _tagged(value: str | int | tuple[str, ...], tag_key: str) -> str | int | list[str]:
    if isinstance(value, tuple):
        return [tag_key if item == TAG_KEY else item for item in value]
    return tag_key if value == TAG_KEY else value


def _batches(dataset: Dataset, values: Sequence[int | str]) -> Iterator[Subject]:
    """Give subjects of as many values as one request takes; a lone value where it takes no list."""
    name = str(dataset.each_parameter)
    takes_list = next(p for p in dataset.action.parameters if p.name == name).type.startswith("list<")
    for start in range(0, len(values), dataset.batch):
        batch = list(values[start : start + dataset.batch])
        yield Subject.of(None, {name: batch if takes_list else batch[0]})
