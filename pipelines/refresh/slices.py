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
from pipelines.endpoints.shapes import DIRECT, INDIRECT, TAG_KEY, PartitionKind, SliceBy
from pipelines.errors import CorruptFile
from pipelines.pages import Proof, Slice, parse_amount
from pipelines.periods import BILLING_ZONE, FIRST_BILL_DATE, BillMonth, MonthState
from pipelines.refresh import lists
from pipelines.refresh.values import partition_of, state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pipelines.endpoints.profile import AccountProfile
    from pipelines.endpoints.shapes import Dataset
    from pipelines.land import Manifest, SliceState
    from pipelines.refresh.lists import Customers
    from pipelines.refresh.values import RefreshContext

BY_DAY = DATASETS["customer_bill_by_day"]
DAYS_AGAIN = 3
"""Days, the running one among them, whose bills are asked again daily: when a day is complete is not documented."""


@dataclass(frozen=True, slots=True)
class WorkList:
    """What of a dataset is asked: these subjects. `left` others are not, since `why`: their rows stay as landed.

    `skipped` says why nothing is asked of the partition at all; then there is nothing to land either.
    """

    dataset: Dataset
    slices: tuple[Slice, ...] = ()
    left: int = 0
    why: str = ""
    skipped: str = ""


def snapshot_work(context: RefreshContext, profile: AccountProfile, dataset: Dataset, who: Customers) -> WorkList:
    """Say what to ask of a dataset that is taken as of now. Raises as `lists.customers`."""
    if dataset.slice_by is SliceBy.CUSTOMER and dataset.customer_parameter:
        return WorkList(dataset, tuple(Slice(uin) for uin in sorted(who.direct)))
    if dataset.slice_by is SliceBy.CUSTOMER:
        return WorkList(dataset, tuple(_batches(dataset, [int(uin) for uin in sorted(who.direct)])))
    if dataset.slice_by is SliceBy.SUB_AGENT:
        sub_agents = sorted(lists.uins(context, profile, lists.SUB_AGENTS))
        return WorkList(dataset, tuple(_batches(dataset, [int(uin) for uin in sub_agents])))
    if dataset.slice_by is SliceBy.POLICY_CODE:
        return WorkList(dataset, tuple(_batches(dataset, profile.policy_codes)))
    if dataset.slice_by is SliceBy.INVITATION_TOKEN:
        return WorkList(dataset, tuple(_batches(dataset, profile.invitation_tokens)))
    return WorkList(dataset, tuple(_variants(profile, dataset)))


def day_work(context: RefreshContext, profile: AccountProfile, dataset: Dataset, day: date, who: Customers) -> WorkList:
    """Say what to ask of a day: everyone listed now, or seen on that day before."""
    seen = {customer.customer_uin for customer in landed(context, profile, dataset, day.isoformat()).values()}
    return WorkList(dataset, tuple(Slice(uin) for uin in sorted(who.listed | set(filter(None, seen)))))


def days_again(context: RefreshContext, profile: AccountProfile, month: BillMonth) -> tuple[date, ...]:
    """Return the days of a month to ask again: its last ones, and where days are missing all since those before.

    In a `full` run also those that are not proven or were last asked before they were over. Of a month whose bill is
    out it is only in a full run that days are asked: these, and those missing since the first that landed.
    """
    last = min(context.clock.today(), (month.next.start - timedelta(days=1)).date())
    there = _landed_days(context, profile, month)
    missing = [day for day in _days(there[0], last) if day not in there] if there else []
    poor = [day for day in there if not _is_settled_day(context, profile, day)] if context.full else []
    if month.state(context.clock.now()) is MonthState.ISSUED:
        return tuple(sorted({*missing, *poor})) if context.full else ()
    first = min(missing, default=last) - timedelta(days=DAYS_AGAIN - 1)
    again = {*_days(max(first, month.start.date()), last), *poor}
    return tuple(day for day in sorted(again) if day.isoformat() >= FIRST_BILL_DATE)


def month_work(
    context: RefreshContext,
    profile: AccountProfile,
    dataset: Dataset,
    month: BillMonth,
    who: Customers,
    changed: Mapping[str | None, str | None],
) -> WorkList:
    """Say what to ask of a month: of everyone listed now or seen in that month before, those who can have changed.

    `changed` is what `changes` gives. A month whose bill is out is asked whole, whenever it is asked; so is everything
    if the run is `full`. Files are asked only of who was billed. Raises CorruptFile.
    """
    issued = state(context, dataset, month.key) is MonthState.ISSUED
    if dataset.needs_issued_bill and not issued:
        return WorkList(dataset, skipped="the month's bill is not out")
    if issued and is_by_files(profile, dataset):
        return WorkList(dataset, skipped="bill files are asked instead, as set")
    before = landed(context, profile, dataset, month.key)
    slices = month_slices(context, profile, dataset, month, who, before)
    if dataset.file is not None:
        return file_work(context, profile, dataset, month, slices, before)
    wanted, why = _wanted(context, profile, dataset, month, before, changed)
    asked = tuple(slice_ for slice_ in slices if wanted(slice_))
    return WorkList(dataset, asked, len(slices) - len(asked), why)


def _wanted(
    context: RefreshContext,
    profile: AccountProfile,
    dataset: Dataset,
    month: BillMonth,
    before: Mapping[Slice, SliceState],
    changed: Mapping[str | None, str | None],
) -> tuple[Callable[[Slice], bool], str]:
    """Return what tells which subjects to ask, and why the others are left."""
    issued = state(context, dataset, month.key) is MonthState.ISSUED
    if context.full:
        return lambda _: True, ""
    if dataset.requested_if_cost:
        settled = _settled(context, profile, dataset.requested_if_cost, month)
        return (
            lambda s: s.customer_uin not in settled and not _is_paid(before.get(s)),
            "nothing was spent, or it is paid",
        )
    if dataset.changed_if and not issued:
        return (
            lambda s: s.customer_uin not in changed or _has_moved(before.get(s), changed[s.customer_uin]),
            "their daily bills have not changed since",
        )
    if issued and context.unproven and dataset.slice_by is SliceBy.CUSTOMER:
        unproven = _unproven_in(context, profile, month)
        return lambda s: s.customer_uin in unproven or s not in before, "they were proven since the bill is out"
    return lambda _: True, ""


def month_slices(
    context: RefreshContext,
    profile: AccountProfile,
    dataset: Dataset,
    month: BillMonth,
    who: Customers,
    seen: Iterable[Slice],
) -> tuple[Slice, ...]:
    if dataset.slice_by is SliceBy.VOUCHER:
        return tuple(sorted({*lists.used_vouchers(context, profile, month), *seen}, key=str))
    if dataset.slice_by is SliceBy.CUSTOMER:
        left = {slice_.customer_uin: slice_ for slice_ in seen if slice_.customer_uin not in who.listed}
        before = seen_in(context, profile, month)
        indirect = who.indirect | {uin for uin, direct in before.items() if not direct and uin not in who.listed}
        everyone = sorted(who.listed | before.keys())
        return tuple(left.get(uin) or Slice.of(uin, _kind(dataset, indirect=uin in indirect)) for uin in everyone)
    if dataset.kind_parameter:
        kinds = (False, True) if who.indirect or Slice.of(None, _kind(dataset, indirect=True)) in seen else (False,)
        return tuple(Slice.of(None, _kind(dataset, indirect=indirect)) for indirect in kinds)
    return tuple(_variants(profile, dataset))


def file_work(
    context: RefreshContext,
    profile: AccountProfile,
    dataset: Dataset,
    month: BillMonth,
    slices: tuple[Slice, ...],
    before: Mapping[Slice, SliceState],
) -> WorkList:
    """Say whose files to ask: of who was billed, those not taken since the bill is out, or since it last changed."""
    bills: dict[str | None, SliceState] = {}
    if dataset.requested_if_rows:
        manifest = _manifest(context, profile, DATASETS[dataset.requested_if_rows], month.key)
        if manifest is None or manifest.month_state != MonthState.ISSUED:
            return WorkList(
                dataset, skipped=f"there is no {dataset.requested_if_rows} of the month's bill that says who has one"
            )
        bills = {customer.customer_uin: customer for customer in manifest.slices}
        billed = {uin for uin, bill in bills.items() if bill.rows or not bill.proven_issued}
        slices = tuple(s for s in slices if s.customer_uin in billed)
    asked = tuple(s for s in slices if context.full or not _is_taken(before.get(s), bills.get(s.customer_uin)))
    return WorkList(dataset, asked, len(slices) - len(asked), "their files were taken since the bill is out")


def is_by_files(profile: AccountProfile, dataset: Dataset) -> bool:
    """Tell whether a closed month's lines are taken from bill files instead of this dataset, as set."""
    return profile.files_when_issued and dataset.name in ("customer_bill_detail", "own_bill_detail")


def changes(
    context: RefreshContext, profile: AccountProfile, month: BillMonth, days: Iterable[date]
) -> Mapping[str | None, str | None]:
    """Return when each customer's daily bills of a month last changed (ISO 8601, UTC), by what is landed of its days.

    None stands for a customer of whom no day ever cost anything. Customers of whom one of `days` is not known are left
    out: they may have changed.
    """
    wanted = set(days)
    known: Counter[str | None] = Counter()
    found: dict[str | None, str | None] = {}
    for day in sorted(wanted.union(_landed_days(context, profile, month))):
        for customer in landed(context, profile, BY_DAY, day.isoformat()).values():
            uin = customer.customer_uin
            known[uin] += day in wanted and _is_proven(customer)
            found[uin] = max(found.get(uin) or "", customer.changed_at or "") or None
    return {uin: at for uin, at in found.items() if known[uin] == len(wanted)}


def seen_in(context: RefreshContext, profile: AccountProfile, month: BillMonth) -> dict[str, bool]:
    """Return the customers asked for that month before, and whether they were the account's own; some may be gone."""
    monthly = (
        d for d in DATASETS.values() if d.partition is PartitionKind.BILL_MONTH and d.slice_by is SliceBy.CUSTOMER
    )
    seen: dict[str, bool] = {}
    for customer in chain.from_iterable(landed(context, profile, dataset, month.key).values() for dataset in monthly):
        if customer.customer_uin:
            seen[customer.customer_uin] = seen.get(customer.customer_uin, True) and customer.direct
    return seen


def _unproven_in(context: RefreshContext, profile: AccountProfile, month: BillMonth) -> set[str | None]:
    """Return the customers of whom something was not proven since the month's bill is out, in any dataset of it."""
    monthly = (
        d for d in DATASETS.values() if d.partition is PartitionKind.BILL_MONTH and d.slice_by is SliceBy.CUSTOMER
    )
    found = chain.from_iterable(landed(context, profile, dataset, month.key).values() for dataset in monthly)
    return {customer.customer_uin for customer in found if not (_is_proven(customer) and customer.proven_issued)}


def landed(
    context: RefreshContext, profile: AccountProfile, dataset: Dataset, partition_key: str
) -> dict[Slice, SliceState]:
    """Return what is landed of each subject; nothing of a file that cannot be read, which its own dataset reports."""
    manifest = _manifest(context, profile, dataset, partition_key)
    return {customer.slice: customer for customer in manifest.slices} if manifest else {}


def request_counts(context: RefreshContext, profile: AccountProfile, asked: WorkList, partition_key: str) -> int:
    """Estimate the requests that asking takes, from the pages that are landed; one for what never was.

    A link to a file is taken to be asked for twice: until it is ready.
    """
    dataset = asked.dataset
    if dataset.file is not None:
        return 2 * len(asked.slices)
    paging = profile.paging.get(dataset.action.name, dataset.action.paging)
    if paging is None:
        return len(asked.slices)
    if dataset.partition is PartitionKind.SNAPSHOT_DATE:
        partition_key = lists.newest(context, profile, dataset) or partition_key
    before = landed(context, profile, dataset, partition_key)
    return sum(_pages(before[s].rows, paging.size) if s in before else 1 for s in asked.slices)


def _manifest(
    context: RefreshContext, profile: AccountProfile, dataset: Dataset, partition_key: str
) -> Manifest | None:
    try:
        return land.landed(partition_of(context, profile.account, dataset, partition_key))
    except CorruptFile:
        return None


def _pages(rows: int, size: int) -> int:
    """Count the pages of a listing, one past a full last page, and the first again if there are several."""
    pages = math.ceil(rows / size) + (rows > 0 and rows % size == 0) or 1
    return pages + (rows > size)


def _landed_days(context: RefreshContext, profile: AccountProfile, month: BillMonth) -> list[date]:
    days = _days(month.start.date(), (month.next.start - timedelta(days=1)).date())
    return [day for day in days if partition_of(context, profile.account, BY_DAY, day.isoformat()).path.exists()]


def _is_settled_day(context: RefreshContext, profile: AccountProfile, day: date) -> bool:
    """Tell whether a day is landed whole, as of when it was over."""
    manifest = _manifest(context, profile, BY_DAY, day.isoformat())
    over = datetime.combine(day + timedelta(days=1), datetime.min.time(), BILLING_ZONE)
    return manifest is not None and manifest.state == "whole" and datetime.fromisoformat(manifest.requested_to) >= over


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _settled(
    context: RefreshContext, profile: AccountProfile, requested_if_cost: str, month: BillMonth
) -> set[str | None]:
    """Return who is known to have spent nothing in a month whose bill is out."""
    customers = landed(context, profile, DATASETS[requested_if_cost], month.key).values()
    return {c.customer_uin for c in customers if c.proven_issued and _is_proven(c) and not parse_amount(c.cost)}


def _is_paid(customer: SliceState | None) -> bool:
    return customer is not None and customer.proven_issued and _is_proven(customer) and not parse_amount(customer.cost)


def _is_proven(customer: SliceState) -> bool:
    return customer.proof == Proof.PROVEN


def _is_taken(file: SliceState | None, bill: SliceState | None) -> bool:
    """Tell whether a file was taken since the bill is out, and since it last changed."""
    if file is None or not (_is_proven(file) and file.proven_issued):
        return False
    return bill is None or bill.changed_at is None or not _is_older(file, bill.changed_at)


def _has_moved(customer: SliceState | None, changed_at: str | None) -> bool:
    """Tell whether a customer's rows may have changed since they were proven; what never cost anything has not."""
    if customer is None or not _is_proven(customer):
        return True
    return changed_at is not None and _is_older(customer, changed_at)


def _is_older(customer: SliceState, changed_at: str) -> bool:
    return customer.proven_at is None or datetime.fromisoformat(customer.proven_at) < datetime.fromisoformat(changed_at)


def _kind(dataset: Dataset, *, indirect: bool) -> dict[str, Any]:
    return {dataset.kind_parameter: INDIRECT if indirect else DIRECT} if dataset.kind_parameter else {}


def _variants(profile: AccountProfile, dataset: Dataset) -> Iterator[Slice]:
    """Give what the whole account is asked: the dataset's variants, and those of each tag key that is set."""
    for variant in dataset.variants:
        yield Slice.of(None, dict(variant))
    for variant in dataset.tag_variants:
        for tag_key in profile.tag_keys:
            yield Slice.of(None, {name: _tagged(value, tag_key) for name, value in variant.items()})


def _tagged(value: str | int | tuple[str, ...], tag_key: str) -> str | int | list[str]:
    if isinstance(value, tuple):
        return [tag_key if item == TAG_KEY else item for item in value]
    return tag_key if value == TAG_KEY else value


def _batches(dataset: Dataset, values: Sequence[int | str]) -> Iterator[Slice]:
    """Give subjects of as many values as one request takes; a lone value where it takes no list."""
    name = str(dataset.slice_by_parameter)
    takes_list = next(p for p in dataset.action.parameters if p.name == name).type.startswith("list<")
    for start in range(0, len(values), dataset.batch):
        batch = list(values[start : start + dataset.batch])
        yield Slice.of(None, {name: batch if takes_list else batch[0]})
