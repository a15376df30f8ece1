"""Slices to request for a dataset, and why the others are left out.

The decision follows from the catalogue, the account profile, the account's lists and the landed files. No requests are
sent here.
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
from pipelines.refresh.values import month_state, partition_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pipelines.endpoints.profile import AccountProfile
    from pipelines.endpoints.shapes import Dataset
    from pipelines.land import Manifest, SliceState
    from pipelines.refresh.lists import Customers
    from pipelines.refresh.values import RefreshContext

BY_DAY = DATASETS["customer_bill_by_day"]
"""The daily bills, which show whose bill of an open month has changed."""
RECENT_DAYS = 3
"""Days, today included, whose bills are requested again every day: no document says when a day's bill is complete."""


@dataclass(frozen=True, slots=True)
class WorkList:
    """Slices to request for a dataset.

    `left_out` is how many others are not requested, because of `why_left_out`: their landed rows stay. `why_skipped`
    says why nothing at all is requested for the partition; then nothing is landed either.
    """

    dataset: Dataset
    slices: tuple[Slice, ...] = ()
    left_out: int = 0
    why_left_out: str = ""
    why_skipped: str = ""


def snapshot_work(context: RefreshContext, profile: AccountProfile, dataset: Dataset, customers: Customers) -> WorkList:
    """Return the work list of a snapshot. Raises as `lists.read_customers`."""
    if dataset.slice_by is SliceBy.CUSTOMER and dataset.customer_parameter:
        return WorkList(dataset, tuple(Slice(uin) for uin in sorted(customers.direct)))
    if dataset.slice_by is SliceBy.CUSTOMER:
        return WorkList(dataset, tuple(_batch_slices(dataset, [int(uin) for uin in sorted(customers.direct)])))
    if dataset.slice_by is SliceBy.SUB_AGENT:
        sub_agents = sorted(lists.read_uins(context, profile, lists.SUB_AGENTS))
        return WorkList(dataset, tuple(_batch_slices(dataset, [int(uin) for uin in sub_agents])))
    if dataset.slice_by is SliceBy.POLICY_CODE:
        return WorkList(dataset, tuple(_batch_slices(dataset, profile.policy_codes)))
    if dataset.slice_by is SliceBy.INVITATION_TOKEN:
        return WorkList(dataset, tuple(_batch_slices(dataset, profile.invitation_tokens)))
    return WorkList(dataset, tuple(_account_slices(profile, dataset)))


def day_work(
    context: RefreshContext, profile: AccountProfile, dataset: Dataset, day: date, customers: Customers
) -> WorkList:
    """Return the work list of a day: every customer that is listed now or has landed for that day before."""
    landed = {state.customer_uin for state in landed_slices(context, profile, dataset, day.isoformat()).values()}
    return WorkList(dataset, tuple(Slice(uin) for uin in sorted(customers.listed | set(filter(None, landed)))))


def days_to_refresh(context: RefreshContext, profile: AccountProfile, month: BillMonth) -> tuple[date, ...]:
    """Return the days of a month whose daily bills are requested again.

    For an open or provisional month these are the last `RECENT_DAYS` days; where days are missing, all days from
    `RECENT_DAYS` before the first missing one. A `full` run adds the days that are not final: not proven, or last
    requested before they were over. For an issued month, only a `full` run has days: those that are not final, and
    those missing since the first landed one.
    """
    last = min(context.clock.today(), (month.next.start - timedelta(days=1)).date())
    landed = _landed_days(context, profile, month)
    missing = [day for day in _days_between(landed[0], last) if day not in landed] if landed else []
    not_final = [day for day in landed if not _is_final_day(context, profile, day)] if context.full else []
    if month.state(context.clock.now()) is MonthState.ISSUED:
        return tuple(sorted({*missing, *not_final})) if context.full else ()
    first = min(missing, default=last) - timedelta(days=RECENT_DAYS - 1)
    days = {*_days_between(max(first, month.start.date()), last), *not_final}
    return tuple(day for day in sorted(days) if day.isoformat() >= FIRST_BILL_DATE)


def month_work(
    context: RefreshContext,
    profile: AccountProfile,
    dataset: Dataset,
    month: BillMonth,
    customers: Customers,
    changed: Mapping[str | None, str | None],
) -> WorkList:
    """Return the work list of a month: the slices whose rows may have changed.

    Candidates are the customers that are listed now or have landed for that month before. `changed` is the result of
    `last_changes`. An issued month and a `full` run request all of them. Files are requested only for customers that
    were billed. Raises CorruptFile.
    """
    issued = month_state(context, dataset, month.key) is MonthState.ISSUED
    if dataset.needs_issued_bill and not issued:
        return WorkList(dataset, why_skipped="the month's bill is not issued yet")
    if issued and is_from_files(profile, dataset):
        return WorkList(dataset, why_skipped='its lines come from bill files (issued_bills = "files")')
    before = landed_slices(context, profile, dataset, month.key)
    slices = month_slices(context, profile, dataset, month, customers, before)
    if dataset.file is not None:
        return file_work(context, profile, dataset, month, slices, before)
    is_wanted, why_left_out = _request_condition(context, profile, dataset, month, before, changed)
    wanted = tuple(slice_ for slice_ in slices if is_wanted(slice_))
    return WorkList(dataset, wanted, len(slices) - len(wanted), why_left_out)


def _request_condition(
    context: RefreshContext,
    profile: AccountProfile,
    dataset: Dataset,
    month: BillMonth,
    before: Mapping[Slice, SliceState],
    changed: Mapping[str | None, str | None],
) -> tuple[Callable[[Slice], bool], str]:
    """Return the condition under which a slice is requested, and why slices that do not meet it are left out."""
    issued = month_state(context, dataset, month.key) is MonthState.ISSUED
    if context.full:
        return lambda _: True, ""
    if dataset.requested_if_cost:
        without_cost = _customers_without_cost(context, profile, dataset.requested_if_cost, month)
        return (
            lambda s: s.customer_uin not in without_cost and not (s in before and _is_final_zero(before[s])),
            "these customers spent nothing, or have paid",
        )
    if dataset.changed_if and not issued:
        return (
            lambda s: s.customer_uin not in changed or _may_have_changed(before.get(s), changed[s.customer_uin]),
            "their daily bills have not changed since their rows were proven",
        )
    if issued and context.unproven and dataset.slice_by is SliceBy.CUSTOMER:
        unproven = _unproven_customers(context, profile, month)
        return (
            lambda s: s.customer_uin in unproven or s not in before,
            "their rows were proven after the bill was issued",
        )
    return lambda _: True, ""


def month_slices(
    context: RefreshContext,
    profile: AccountProfile,
    dataset: Dataset,
    month: BillMonth,
    customers: Customers,
    before: Iterable[Slice],
) -> tuple[Slice, ...]:
    """Return all slices that a dataset of a month can have; `before` are those that have landed.

    Customers that have left the account's lists keep the slice that landed.
    """
    if dataset.slice_by is SliceBy.VOUCHER:
        return tuple(sorted({*lists.used_vouchers(context, profile, month), *before}, key=str))
    if dataset.slice_by is SliceBy.CUSTOMER:
        unlisted = {slice_.customer_uin: slice_ for slice_ in before if slice_.customer_uin not in customers.listed}
        is_direct = landed_customers(context, profile, month)
        indirect = customers.indirect | {
            uin for uin, direct in is_direct.items() if not direct and uin not in customers.listed
        }
        uins = sorted(customers.listed | is_direct.keys())
        return tuple(
            unlisted.get(uin) or Slice.of(uin, _kind_parameters(dataset, indirect=uin in indirect)) for uin in uins
        )
    if dataset.kind_parameter:
        has_indirect = customers.indirect or Slice.of(None, _kind_parameters(dataset, indirect=True)) in before
        kinds = (False, True) if has_indirect else (False,)
        return tuple(Slice.of(None, _kind_parameters(dataset, indirect=indirect)) for indirect in kinds)
    return tuple(_account_slices(profile, dataset))


def file_work(
    context: RefreshContext,
    profile: AccountProfile,
    dataset: Dataset,
    month: BillMonth,
    slices: tuple[Slice, ...],
    before: Mapping[Slice, SliceState],
) -> WorkList:
    """Return the work list of a dataset of files: customers that were billed and whose file is missing or out of date.

    A file is out of date if it was downloaded before the bill was issued, or before the customer's bill last changed.
    """
    bills: dict[str | None, SliceState] = {}
    if dataset.requested_if_rows:
        manifest = _read_manifest(context, profile, DATASETS[dataset.requested_if_rows], month.key)
        if manifest is None or manifest.month_state != MonthState.ISSUED:
            return WorkList(
                dataset,
                why_skipped=f"{dataset.requested_if_rows}, which shows who was billed, has not landed since the bill "
                "was issued",
            )
        bills = {state.customer_uin: state for state in manifest.slices}
        billed = {uin for uin, bill in bills.items() if bill.rows or not bill.proven_issued}
        slices = tuple(s for s in slices if s.customer_uin in billed)
    wanted = tuple(s for s in slices if context.full or not _is_current_file(before.get(s), bills.get(s.customer_uin)))
    return WorkList(dataset, wanted, len(slices) - len(wanted), "their files were downloaded after the bill was issued")


def is_from_files(profile: AccountProfile, dataset: Dataset) -> bool:
    """Whether an issued month's bill lines come from bill files instead of this dataset, as set by `issued_bills`."""
    return profile.files_when_issued and dataset.name in ("customer_bill_detail", "own_bill_detail")


def last_changes(
    context: RefreshContext, profile: AccountProfile, month: BillMonth, days: Iterable[date]
) -> Mapping[str | None, str | None]:
    """Return when each customer's daily bills of a month last changed (ISO 8601, UTC), from the landed days.

    The time is None for a customer without cost on any day. A customer is missing from the result, and so may have
    changed, if one of `days` is not proven for it.
    """
    wanted = set(days)
    proven_days: Counter[str | None] = Counter()
    found: dict[str | None, str | None] = {}
    for day in sorted(wanted.union(_landed_days(context, profile, month))):
        for state in landed_slices(context, profile, BY_DAY, day.isoformat()).values():
            uin = state.customer_uin
            proven_days[uin] += day in wanted and _is_proven(state)
            found[uin] = max(found.get(uin) or "", state.changed_at or "") or None
    return {uin: changed_at for uin, changed_at in found.items() if proven_days[uin] == len(wanted)}


def landed_customers(context: RefreshContext, profile: AccountProfile, month: BillMonth) -> dict[str, bool]:
    """Return the customers of any landed dataset of a month, each with whether it was the account's own.

    Some may have left the account's lists since.
    """
    monthly = (
        d for d in DATASETS.values() if d.partition is PartitionKind.BILL_MONTH and d.slice_by is SliceBy.CUSTOMER
    )
    found: dict[str, bool] = {}
    for state in chain.from_iterable(
        landed_slices(context, profile, dataset, month.key).values() for dataset in monthly
    ):
        if state.customer_uin:
            found[state.customer_uin] = found.get(state.customer_uin, True) and state.direct
    return found


def _unproven_customers(context: RefreshContext, profile: AccountProfile, month: BillMonth) -> set[str | None]:
    """Return the customers that some dataset of an issued month does not hold proven since the bill was issued."""
    monthly = (
        d for d in DATASETS.values() if d.partition is PartitionKind.BILL_MONTH and d.slice_by is SliceBy.CUSTOMER
    )
    states = chain.from_iterable(landed_slices(context, profile, dataset, month.key).values() for dataset in monthly)
    return {state.customer_uin for state in states if not (_is_proven(state) and state.proven_issued)}


def landed_slices(
    context: RefreshContext, profile: AccountProfile, dataset: Dataset, partition_key: str
) -> dict[Slice, SliceState]:
    """Return the state of every landed slice of a partition; nothing if its file cannot be read.

    The unreadable file is reported by the refresh of its own dataset.
    """
    manifest = _read_manifest(context, profile, dataset, partition_key)
    return {state.slice: state for state in manifest.slices} if manifest else {}


def estimate_requests(context: RefreshContext, profile: AccountProfile, work: WorkList, partition_key: str) -> int:
    """Estimate the requests that a work list takes from the landed rows; one for a slice that never landed.

    A file is counted as two: its link is requested until the file is ready.
    """
    dataset = work.dataset
    if dataset.file is not None:
        return 2 * len(work.slices)
    paging = profile.paging.get(dataset.action.name, dataset.action.paging)
    if paging is None:
        return len(work.slices)
    if dataset.partition is PartitionKind.SNAPSHOT_DATE:
        partition_key = lists.newest_day(context, profile, dataset) or partition_key
    before = landed_slices(context, profile, dataset, partition_key)
    return sum(_page_requests(before[s].rows, paging.size) if s in before else 1 for s in work.slices)


def _read_manifest(
    context: RefreshContext, profile: AccountProfile, dataset: Dataset, partition_key: str
) -> Manifest | None:
    try:
        return land.landed(partition_of(context, profile.account, dataset, partition_key))
    except CorruptFile:
        return None


def _page_requests(rows: int, size: int) -> int:
    """Return the requests of a listing: its pages, one more after a full last page, and the first again if several."""
    pages = math.ceil(rows / size) + (rows > 0 and rows % size == 0) or 1
    return pages + (rows > size)


def _landed_days(context: RefreshContext, profile: AccountProfile, month: BillMonth) -> list[date]:
    days = _days_between(month.start.date(), (month.next.start - timedelta(days=1)).date())
    return [day for day in days if partition_of(context, profile.account, BY_DAY, day.isoformat()).path.exists()]


def _is_final_day(context: RefreshContext, profile: AccountProfile, day: date) -> bool:
    """Whether a day has landed whole and was requested after it was over (UTC+8)."""
    manifest = _read_manifest(context, profile, BY_DAY, day.isoformat())
    end = datetime.combine(day + timedelta(days=1), datetime.min.time(), BILLING_ZONE)
    return manifest is not None and manifest.state == "whole" and datetime.fromisoformat(manifest.requested_to) >= end


def _days_between(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _customers_without_cost(
    context: RefreshContext, profile: AccountProfile, cost_dataset: str, month: BillMonth
) -> set[str | None]:
    """Return the customers whose cost in `cost_dataset` is proven to be 0 in the issued bill."""
    states = landed_slices(context, profile, DATASETS[cost_dataset], month.key).values()
    return {state.customer_uin for state in states if _is_final_zero(state)}


def _is_final_zero(state: SliceState) -> bool:
    """Whether a slice's cost is proven to be 0 since the bill was issued."""
    return state.proven_issued and _is_proven(state) and not parse_amount(state.cost)


def _is_proven(state: SliceState) -> bool:
    return state.proof == Proof.PROVEN


def _is_current_file(file: SliceState | None, bill: SliceState | None) -> bool:
    """Whether a file was downloaded after the bill was issued, and after the customer's bill last changed."""
    if file is None or not (_is_proven(file) and file.proven_issued):
        return False
    return bill is None or bill.changed_at is None or not _is_proven_before(file, bill.changed_at)


def _may_have_changed(state: SliceState | None, changed_at: str | None) -> bool:
    """Whether a customer's rows may have changed since they were proven; without any cost (None) they have not."""
    if state is None or not _is_proven(state):
        return True
    return changed_at is not None and _is_proven_before(state, changed_at)


def _is_proven_before(state: SliceState, time: str) -> bool:
    """Whether a slice was last proven before a time (ISO 8601), or never."""
    return state.proven_at is None or datetime.fromisoformat(state.proven_at) < datetime.fromisoformat(time)


def _kind_parameters(dataset: Dataset, *, indirect: bool) -> dict[str, Any]:
    return {dataset.kind_parameter: INDIRECT if indirect else DIRECT} if dataset.kind_parameter else {}


def _account_slices(profile: AccountProfile, dataset: Dataset) -> Iterator[Slice]:
    """Give the slices of a dataset of the whole account: one per variant, and one per tag variant and tag key set."""
    for variant in dataset.variants:
        yield Slice.of(None, dict(variant))
    for variant in dataset.tag_variants:
        for tag_key in profile.tag_keys:
            yield Slice.of(None, {name: _with_tag_key(value, tag_key) for name, value in variant.items()})


def _with_tag_key(value: str | int | tuple[str, ...], tag_key: str) -> str | int | list[str]:
    if isinstance(value, tuple):
        return [tag_key if item == TAG_KEY else item for item in value]
    return tag_key if value == TAG_KEY else value


def _batch_slices(dataset: Dataset, values: Sequence[int | str]) -> Iterator[Slice]:
    """Give slices of as many values as one request takes. A parameter that takes no list gets one value per slice."""
    name = str(dataset.slice_by_parameter)
    takes_list = next(p for p in dataset.action.parameters if p.name == name).type.startswith("list<")
    for start in range(0, len(values), dataset.batch):
        batch = list(values[start : start + dataset.batch])
        yield Slice.of(None, {name: batch if takes_list else batch[0]})
