"""What a refresh is about to ask: how many requests of which action, how long that takes at the limits, what is left.

A plan is made of what is landed; what has changed since is only known once the service was asked, so a dry run tells
the least and the most. What does not belong here: deciding who is asked (`slices`).
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
    """What one dataset of a partition takes: `least` and `most` requests (estimated from the pages landed before).

    `asked` counts the subjects that are asked at most, `left` those that are not, and `why` says why not. Seconds are
    those of the action's limit, `limit` requests a second.
    """

    account: str
    dataset: str
    action: str
    partition_key: str
    limit: int
    asked: int
    least: int
    most: int
    left: int = 0
    why: str = ""


def planned(context: RefreshContext, profile: AccountProfile, asked: WorkList, partition_key: str) -> Planned:
    """Plan what is decided."""
    requests = slices.request_counts(context, profile, asked, partition_key)
    return _planned(
        profile,
        asked.dataset,
        partition_key,
        len(asked.slices),
        (requests, requests),
        asked.left,
        asked.skipped or asked.why,
    )


def plan_month(
    context: RefreshContext, profile: AccountProfile, datasets: Sequence[Dataset], month: BillMonth
) -> tuple[Planned, ...]:
    """Plan a month without asking anything, as of what is landed. Raises CorruptFile.

    Where daily bills tell who has changed, the least is what is known to be asked, and the most is everyone.
    """
    mine = datasets_for(profile, datasets)
    who = lists.customers(context, profile, mine)
    plans = [_list_plan(context, profile, dataset) for dataset in lists.needed(profile, mine)]
    if any(dataset.changed_if for dataset in mine):
        for day in slices.days_again(context, profile, month):
            asked = slices.day_work(context, profile, slices.BY_DAY, day, who)
            plans.append(planned(context, profile, asked, day.isoformat()))
    changed = slices.changes(context, profile, month, ())
    for dataset in mine:
        least = slices.month_work(context, profile, dataset, month, who, changed)
        most = slices.month_work(context, profile, dataset, month, who, {})
        requests = [slices.request_counts(context, profile, asked, month.key) for asked in (least, most)]
        counts = (requests[0], requests[1])
        why = _unlisted(context, profile, dataset) or least.skipped or least.why
        plans.append(_planned(profile, dataset, month.key, len(most.slices), counts, least.left, why))
    return (*plans, *skipped(profile, datasets, month.key))


def _unlisted(context: RefreshContext, profile: AccountProfile, dataset: Dataset) -> str:
    """Say that it is not known yet whom a dataset is asked about; empty if it is."""
    missing = [each.name for each in lists.needed(profile, (dataset,)) if lists.newest(context, profile, each) is None]
    return f"not known before these lists are taken: {', '.join(missing)}" if missing else ""


def skipped(profile: AccountProfile, datasets: Iterable[Dataset], partition_key: str) -> tuple[Planned, ...]:
    """Say of which datasets nothing is asked of the account at all, and why."""
    reasons = ((dataset, why_skipped(profile, dataset)) for dataset in datasets)
    return tuple(_planned(profile, dataset, partition_key, 0, (0, 0), 0, why) for dataset, why in reasons if why)


def tables(plans: Sequence[Planned]) -> tuple[Table, ...]:
    """Draw a plan: a row for each dataset that is asked, several days as one; and what is not asked, and why."""
    whole = Column("dataset", no_wrap=True)  # names are never cut short: some differ at their end only
    drawn = Table("account", whole, "for", "asked", "left", "requests", "seconds", "left because", title="The plan")
    asked = [plan for plan in plans if plan.asked or plan.left]
    for group in _grouped(asked, lambda plan: (plan.account, plan.dataset, plan.why)):
        first, keys = group[0], sorted({plan.partition_key for plan in group})
        least, most = sum(plan.least for plan in group), sum(plan.most for plan in group)
        drawn.add_row(
            first.account,
            first.dataset,
            keys[0] if len(keys) == 1 else f"{keys[0]} to {keys[-1]}",
            f"{sum(plan.asked for plan in group):,}",
            f"{sum(plan.left for plan in group):,}",
            _range(least, most),
            _range(-(-least // first.limit), -(-most // first.limit)),
            first.why,
        )
    counts = _by_action(plans).values()
    longest = [max((-(-requests[which] // limit) for requests, limit in counts), default=0) for which in (0, 1)]
    requests = [sum(plan.least for plan in plans), sum(plan.most for plan in plans)]
    drawn.add_section()
    drawn.add_row("all", "", "", "", "", _range(*requests), _range(*longest), "", style="bold")
    drawn.caption = (
        "Requests are estimated by the pages landed before, one where none are. Seconds are those that the limits "
        "take; actions are asked side by side, so all take the longest."
    )
    return (drawn, _not_asked(plans))


def _not_asked(plans: Sequence[Planned]) -> Table:
    drawn = Table("account", "not asked", "because")
    for group in _grouped([p for p in plans if not p.asked and not p.left], lambda plan: (plan.account, plan.why)):
        names = ", ".join(dict.fromkeys(plan.dataset for plan in group))
        drawn.add_row(group[0].account, names, group[0].why or "there is nothing to ask about")
    return drawn


def _by_action(plans: Iterable[Planned]) -> dict[tuple[str, str], tuple[list[int], int]]:
    """Sum least and most by account and action, which is what a limit counts."""
    sums: dict[tuple[str, str], tuple[list[int], int]] = {}
    for plan in plans:
        counts, _ = sums.setdefault((plan.account, plan.action), ([0, 0], plan.limit))
        counts[0] += plan.least
        counts[1] += plan.most
    return sums


def _grouped(plans: Iterable[Planned], by: Callable[[Planned], tuple[str, ...]]) -> Iterable[list[Planned]]:
    groups: defaultdict[tuple[str, ...], list[Planned]] = defaultdict(list)
    for plan in plans:
        groups[by(plan)].append(plan)
    return groups.values()


def _range(least: int, most: int) -> str:
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"


def _list_plan(context: RefreshContext, profile: AccountProfile, dataset: Dataset) -> Planned:
    partition_key = context.clock.today().isoformat()
    if lists.is_todays(context, profile, dataset):
        return _planned(profile, dataset, partition_key, 0, (0, 0), 1, "today's is there")
    return planned(context, profile, slices.snapshot_work(context, profile, dataset, lists.Customers()), partition_key)


def _planned(
    profile: AccountProfile,
    dataset: Dataset,
    partition_key: str,
    asked: int,
    requests: tuple[int, int],
    left: int,
    why: str,
) -> Planned:
    limit = profile.limit(dataset)
    reason = why if left or not asked else ""
    return Planned(
        profile.account, dataset.name, dataset.action.name, partition_key, limit, asked, *requests, left, reason
    )
