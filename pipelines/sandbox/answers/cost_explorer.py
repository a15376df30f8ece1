"""Answers of cost explorer: the caller's own bill lines by day or month and by one dimension.

It sums exactly the lines of the bill; that the real service's figures equal the bill is not documented. A line's time
is the day on which it is booked. Spans count whole days.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from pipelines.periods import FIRST_BILL_MONTH, BillMonth
from pipelines.sandbox.answers.bill import LABELS, project_of
from pipelines.sandbox.api_request import json_members
from pipelines.sandbox.bill import money, payer_uin, resources
from pipelines.sandbox.goods import PAY_MODES, TERMS
from pipelines.sandbox.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pipelines.sandbox.api_request import Answer, ApiRequest, Members
    from pipelines.sandbox.bill import Resource
    from pipelines.sandbox.bill_view import Cell
    from pipelines.sandbox.goods import ChargeKind, Component

LONGEST = {"day": 2, "month": 6}
"""Most calendar months in a span, by PeriodType."""


@dataclass(frozen=True, slots=True)
class Grouping:
    """What lines of one day can be grouped by. A missing name or zone is ''."""

    customer_uin: str
    payer_uin: str
    resource: Resource
    component: Component
    terms: ChargeKind
    tag_key: str | None = None

    @property
    def zone(self) -> str:
        """The availability zone."""
        return str(self.resource.fields["AvailabilityZone"])

    @property
    def tag(self) -> str:
        """The value of the requested tag."""
        return (self.resource.tags or {}).get(self.tag_key or "", "")


DIMENSIONS: Mapping[str, Callable[[Grouping], tuple[str, str]]] = {
    "Default": lambda _: ("Total", "Total"),
    "Business": lambda grouping: (grouping.resource.product.code, grouping.resource.product.name),
    "Product": lambda grouping: (grouping.resource.product.sub_code, grouping.resource.product.sub_name),
    "Region": lambda grouping: (grouping.resource.region.id, grouping.resource.region.name),
    "Zone": lambda grouping: (grouping.zone, grouping.zone),
    "ActionType": lambda grouping: (grouping.terms.action_type, LABELS[grouping.terms.action_type]),
    "PayMode": lambda grouping: (grouping.terms.pay_mode, PAY_MODES[grouping.terms.pay_mode]),
    "Project": lambda grouping: (project_of(grouping.resource), project_of(grouping.resource)),
    "PayerUin": lambda grouping: (grouping.payer_uin, grouping.payer_uin),
    "OwnerUin": lambda grouping: (grouping.customer_uin, grouping.customer_uin),
    "Tag": lambda grouping: (grouping.tag, grouping.tag),
}
"""Code and name of a line's value in each dimension."""

FILTERS: Mapping[str, Callable[[Grouping], str]] = {
    "ComponentIn": lambda grouping: grouping.component.type_code,
    "ItemIn": lambda grouping: grouping.component.code,
    "ResourceIn": lambda grouping: grouping.resource.instance_id,
}
"""Values for filters that are not a dimension. All other filters compare a dimension's code."""

OFFERED = ("Business", "Region", "Zone", "ActionType", "PayMode", "Project", "PayerUin", "OwnerUin")
"""The dimensions whose values can be requested."""


def describe_filter(request: ApiRequest) -> Members:
    """List the values of each dimension in the span; null if there are none."""
    groupings = [grouping for _, grouping, _ in _costs(request, None)]
    offered = {name: sorted({DIMENSIONS[name](grouping) for grouping in groupings}) for name in OFFERED}
    data = {name: [{"Key": key, "Value": value} for key, value in pairs] or None for name, pairs in offered.items()}
    return json_members(Data=data)


def describe_summary(request: ApiRequest) -> Members:
    """Sum the span by a dimension and by period: a page of the dimension's values."""
    dimension, tag_key = request.parameters["Dimension"], request.parameters.get("TagKey")
    if dimension == "Tag" and not tag_key:
        raise Refusal("MissingParameter", "The parameter TagKey is missing: Dimension is Tag.")
    sums: defaultdict[tuple[str, str], defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    totals: defaultdict[str, int] = defaultdict(int)
    for period, grouping, cost in _costs(request, tag_key):
        sums[DIMENSIONS[dimension](grouping)][period] += cost
        totals[period] += cost
    periods = list(dict.fromkeys(_period(request, day) for day in _days(request)))
    rows = [
        {"Name": name, "Code": code, "SumCost": _sum(by_period), "ItemDetail": _by_period(by_period, periods)}
        for (code, name), by_period in sorted(sums.items())
    ]
    whole = {"TotalCount": len(rows), "SumCost": _sum(totals), "PeriodItemDetail": _by_period(totals, periods)}
    return json_members(DimensionName=dimension, Detail=request.page(rows), TotalDetail=whole)


def _costs(request: ApiRequest, tag_key: str | None) -> Iterator[tuple[str, Grouping, int]]:
    """Give period, grouping and cost of everything in the span that passes the filter."""
    original = request.parameters.get("FeeType") == "originalCost"
    wanted = request.parameters.get("Filter", {})
    days = {day.isoformat() for day in _days(request)}
    for month in sorted({day[:7] for day in days}):
        for cell, amounts in request.bill_view_of(request.uin, month).cells().items():
            if cell.day in days:
                grouping = _grouping(request, cell, tag_key)
                if _passes(replace(grouping, tag_key=wanted.get("TagKey")), wanted):
                    period = _period(request, date.fromisoformat(cell.day))
                    yield period, grouping, amounts.original if original else amounts.total


def _grouping(request: ApiRequest, cell: Cell, tag_key: str | None) -> Grouping:
    seed = request.world.seed
    resource = resources(seed, request.uin)[cell.kind.resource]
    component = resource.product.components[cell.kind.component]
    return Grouping(request.uin, payer_uin(seed), resource, component, TERMS[cell.kind.terms], tag_key)


def _passes(grouping: Grouping, wanted: Mapping[str, Any]) -> bool:
    """Return whether a grouping passes the filter. Empty lists do not filter. `grouping.tag_key` is the filter's."""
    values = {name: value for name, value in wanted.items() if name.endswith("In") and value}
    return all(_filter_value(grouping, name) in value for name, value in values.items())


def _filter_value(grouping: Grouping, name: str) -> str:
    return FILTERS[name](grouping) if name in FILTERS else DIMENSIONS[name.removesuffix("In")](grouping)[0]


def _days(request: ApiRequest) -> list[date]:
    """Return the days of the span between the first bill month and today."""
    start, end = (date.fromisoformat(request.parameters[name][:10]) for name in ("StartTime", "EndTime"))
    months = (end.year - start.year) * 12 + end.month - start.month + 1
    longest = LONGEST[request.parameters["PeriodType"]]
    if request.parameters["StartTime"] > request.parameters["EndTime"] or months > longest:
        raise Refusal("InvalidParameterValue", f"StartTime to EndTime must be a span of at most {longest} months.")
    start = max(start, BillMonth(FIRST_BILL_MONTH).start.date())
    end = min(end, request.now.date())
    return [start + timedelta(days=number) for number in range((end - start).days + 1)]


def _period(request: ApiRequest, day: date) -> str:
    return day.isoformat() if request.parameters["PeriodType"] == "day" else f"{day:%Y-%m}"


def _sum(by_period: Mapping[str, int]) -> str:
    return money(sum(by_period.values()))


def _by_period(costs: Mapping[str, int], periods: list[str]) -> list[dict[str, str]]:
    return [{"Period": period, "Cost": money(costs.get(period, 0))} for period in periods]


ANSWERS: Mapping[str, Answer] = {
    "DescribeCustomerOwnCostExplorerFilter": describe_filter,
    "DescribeCustomerOwnCostExplorerSummary": describe_summary,
}
