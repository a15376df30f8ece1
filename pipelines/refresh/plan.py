"""The plan of a refresh: how many requests it sends, how long they take at the rate limits, and what is left out.

A plan is made from the landed files. What has changed since is known only after requests were sent, so a dry run gives
a minimum and a maximum. `slices` decides what to request.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.table import Column, Table

from pipelines.endpoints.profile import datasets_for, why_skipped
from pipelines.refresh import lists, slices

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pipelines.endpoints.profile import AccountProfile
    from pipelines.endpoints.shapes import Dataset
    from pipelines.periods import BillMonth
    from pipelines.refresh.slices import WorkList
    from pipelines.refresh.values import RefreshContext


@dataclass(frozen=True, slots=True)
class Planned:
    """Planned requests for one partition of a dataset, estimated from the pages landed before.

    `limit` is the action's limit in requests a second. `slices` is how many slices are requested at most, `left_out`
    how many are not, `why_left_out` the reason, also where nothing is requested. `min_requests` and `max_requests`
    differ only in a dry run.
    """

    account: str
    dataset: str
    action: str
    partition_key: str
    limit: int
    slices: int
    min_requests: int
    max_requests: int
    left_out: int = 0
    why_left_out: str = ""


def plan_work(context: RefreshContext, profile: AccountProfile, work: WorkList, partition_key: str) -> Planned:
    """Plan a work list."""
    requests = slices.estimate_requests(context, profile, work, partition_key)
    return _planned(
        profile,
        work.dataset,
        partition_key,
        len(work.slices),
        (requests, requests),
        work.left_out,
        work.why_skipped or work.why_left_out,
    )


def plan_month(
    context: RefreshContext, profile: AccountProfile, datasets: Sequence[Dataset], month: BillMonth
) -> tuple[Planned, ...]:
    """Plan a month from the landed files, without sending requests. Raises CorruptFile.

    Where daily bills show who has changed, the minimum counts the customers known to have changed, the maximum all.
    """
    requested = datasets_for(profile, datasets)
    customers = lists.read_customers(context, profile, requested)
    plans = [_plan_list(context, profile, dataset) for dataset in lists.needed_lists(profile, requested)]
    if any(dataset.changed_if for dataset in requested):
        for day in slices.days_to_refresh(context, profile, month):
            work = slices.day_work(context, profile, slices.BY_DAY, day, customers)
            plans.append(plan_work(context, profile, work, day.isoformat()))
    changed = slices.last_changes(context, profile, month, ())
    for dataset in requested:
        least = slices.month_work(context, profile, dataset, month, customers, changed)
        most = slices.month_work(context, profile, dataset, month, customers, {})
        counts = [slices.estimate_requests(context, profile, work, month.key) for work in (least, most)]
        requests = (counts[0], counts[1])
        why = _why_unknown(context, profile, dataset) or least.why_skipped or least.why_left_out
        plans.append(_planned(profile, dataset, month.key, len(most.slices), requests, least.left_out, why))
    return (*plans, *skipped(profile, datasets, month.key))


def _why_unknown(context: RefreshContext, profile: AccountProfile, dataset: Dataset) -> str:
    """Return why the slices of a dataset are not known yet, naming the lists that never landed; empty if they are."""
    missing = [
        list_.name
        for list_ in lists.needed_lists(profile, (dataset,))
        if lists.newest_day(context, profile, list_) is None
    ]
    return f"not known before these lists have landed: {', '.join(missing)}" if missing else ""


def skipped(profile: AccountProfile, datasets: Iterable[Dataset], partition_key: str) -> tuple[Planned, ...]:
    """Return a plan without requests for each dataset that is not requested for the account at all."""
    reasons = ((dataset, why_skipped(profile, dataset)) for dataset in datasets)
    return tuple(_planned(profile, dataset, partition_key, 0, (0, 0), 0, why) for dataset, why in reasons if why)


def tables(plans: Sequence[Planned]) -> tuple[Table, ...]:
    """Return a plan as two tables: what is requested, days of a dataset joined in one row; and what is not, and why."""
    dataset_column = Column("dataset", no_wrap=True)  # names are never cut short: some differ at their end only
    table = Table(
        "account",
        dataset_column,
        "for",
        "slices",
        "left out",
        "requests",
        "seconds",
        "why left out",
        title="The plan",
    )
    requested = [plan for plan in plans if plan.slices or plan.left_out]
    for group in _grouped(requested, lambda plan: (plan.account, plan.dataset, plan.why_left_out)):
        first, keys = group[0], sorted({plan.partition_key for plan in group})
        least, most = sum(plan.min_requests for plan in group), sum(plan.max_requests for plan in group)
        table.add_row(
            first.account,
            first.dataset,
            keys[0] if len(keys) == 1 else f"{keys[0]} to {keys[-1]}",
            f"{sum(plan.slices for plan in group):,}",
            f"{sum(plan.left_out for plan in group):,}",
            _range(least, most),
            _range(-(-least // first.limit), -(-most // first.limit)),
            first.why_left_out,
        )
    counts = _by_action(plans).values()
    longest = [max((-(-requests[which] // limit) for requests, limit in counts), default=0) for which in (0, 1)]
    requests = [sum(plan.min_requests for plan in plans), sum(plan.max_requests for plan in plans)]
    table.add_section()
    table.add_row("all", "", "", "", "", _range(*requests), _range(*longest), "", style="bold")
    table.caption = (
        "Requests are estimated from the pages landed before; one where none are. Seconds are those at the rate "
        "limits; actions run side by side, so all take as long as the longest."
    )
    return (table, _skipped_table(plans))


def _skipped_table(plans: Sequence[Planned]) -> Table:
    table = Table("account", "not requested", "why")
    empty = [plan for plan in plans if not plan.slices and not plan.left_out]
    for group in _grouped(empty, lambda plan: (plan.account, plan.why_left_out)):
        names = ", ".join(dict.fromkeys(plan.dataset for plan in group))
        table.add_row(group[0].account, names, group[0].why_left_out or "there is nothing to request")
    return table


def _by_action(plans: Iterable[Planned]) -> dict[tuple[str, str], tuple[list[int], int]]:
    """Return minimum and maximum of requests, and the limit, by account and action: limits count per action."""
    sums: dict[tuple[str, str], tuple[list[int], int]] = {}
    for plan in plans:
        counts, _ = sums.setdefault((plan.account, plan.action), ([0, 0], plan.limit))
        counts[0] += plan.min_requests
        counts[1] += plan.max_requests
    return sums


def _grouped(plans: Iterable[Planned], by: Callable[[Planned], tuple[str, ...]]) -> Iterable[list[Planned]]:
    groups: defaultdict[tuple[str, ...], list[Planned]] = defaultdict(list)
    for plan in plans:
        groups[by(plan)].append(plan)
    return groups.values()


def _range(least: int, most: int) -> str:
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"


def _plan_list(context: RefreshContext, profile: AccountProfile, dataset: Dataset) -> Planned:
    partition_key = context.clock.today().isoformat()
    if lists.is_landed_today(context, profile, dataset):
        return _planned(profile, dataset, partition_key, 0, (0, 0), 1, "today's list has landed")
    work = slices.snapshot_work(context, profile, dataset, lists.Customers())
    return plan_work(context, profile, work, partition_key)


def _planned(
    profile: AccountProfile,
    dataset: Dataset,
    partition_key: str,
    slice_count: int,
    requests: tuple[int, int],
    left_out: int,
    why: str,
) -> Planned:
    limit = profile.limit(dataset)
    reason = why if left_out or not slice_count else ""
    return Planned(
        profile.account,
        dataset.name,
        dataset.action.name,
        partition_key,
        limit,
        slice_count,
        *requests,
        left_out,
        reason,
    )
