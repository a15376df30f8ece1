"""Cost explorer of the customer that asks: its own bill's lines by day or month, divided by one dimension.

It sums the very lines of the bill; that the service's figures equal its bill is not documented. What is divided by time
is the day on which a line is booked, and spans count whole days.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from pipelines.periods import FIRST_BILL_MONTH, BillMonth
from pipelines.sandbox.answers.bill import LABELS, project_of
from pipelines.sandbox.api_request import spelled
from pipelines.sandbox.bill import money, payer_uin, resources
from pipelines.sandbox.goods import PAY_MODES, TERMS
from pipelines.sandbox.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pipelines.sandbox.api_request import Answer, ApiRequest, Members
    from pipelines.sandbox.bill import Resource
    from pipelines.sandbox.goods import ChargeKind, Component
    from pipelines.sandbox.statement import Cell

LONGEST = {"day": 2, "month": 6}
"""Calendar months that a span may touch, by PeriodType."""


@dataclass(frozen=True, slots=True)
class Spot:
    """All that lines of one day have in common. What has no name or zone is ''."""

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
        """The value of the tag that is asked for."""
        return (self.resource.tags or {}).get(self.tag_key or "", "")


DIMENSIONS: Mapping[str, Callable[[Spot], tuple[str, str]]] = {
    "Default": lambda _: ("Total", "Total"),
    "Business": lambda spot: (spot.resource.product.code, spot.resource.product.name),
    "Product": lambda spot: (spot.resource.product.sub_code, spot.resource.product.sub_name),
    "Region": lambda spot: (spot.resource.region.id, spot.resource.region.name),
    "Zone": lambda spot: (spot.zone, spot.zone),
    "ActionType": lambda spot: (spot.terms.action_type, LABELS[spot.terms.action_type]),
    "PayMode": lambda spot: (spot.terms.pay_mode, PAY_MODES[spot.terms.pay_mode]),
    "Project": lambda spot: (project_of(spot.resource), project_of(spot.resource)),
    "PayerUin": lambda spot: (spot.payer_uin, spot.payer_uin),
    "OwnerUin": lambda spot: (spot.customer_uin, spot.customer_uin),
    "Tag": lambda spot: (spot.tag, spot.tag),
}
"""The code and the name of what a line belongs to, by dimension."""

FILTERS: Mapping[str, Callable[[Spot], str]] = {
    "ComponentIn": lambda spot: spot.component.type_code,
    "ItemIn": lambda spot: spot.component.code,
    "ResourceIn": lambda spot: spot.resource.instance_id,
}
"""What the filters compare that are no dimension; the others compare a dimension's code."""

OFFERED = ("Business", "Region", "Zone", "ActionType", "PayMode", "Project", "PayerUin", "OwnerUin")
"""The dimensions whose values can be asked for."""


def describe_filter(request: ApiRequest) -> Members:
    """List what lines of the span belong to, by dimension; null where there is nothing."""
    spots = [spot for _, spot, _ in _costs(request, None)]
    offered = {name: sorted({DIMENSIONS[name](spot) for spot in spots}) for name in OFFERED}
    data = {name: [{"Key": key, "Value": value} for key, value in pairs] or None for name, pairs in offered.items()}
    return spelled(Data=data)


def describe_summary(request: ApiRequest) -> Members:
    """Sum the span by a dimension and by period, a page of the dimension's values at a time."""
    dimension, tag_key = request.parameters["Dimension"], request.parameters.get("TagKey")
    if dimension == "Tag" and not tag_key:
        raise Refusal("MissingParameter", "The parameter TagKey is missing: Dimension is Tag.")
    sums: defaultdict[tuple[str, str], defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    totals: defaultdict[str, int] = defaultdict(int)
    for period, spot, cost in _costs(request, tag_key):
        sums[DIMENSIONS[dimension](spot)][period] += cost
        totals[period] += cost
    periods = list(dict.fromkeys(_period(request, day) for day in _days(request)))
    rows = [
        {"Name": name, "Code": code, "SumCost": _sum(by_period), "ItemDetail": _by_period(by_period, periods)}
        for (code, name), by_period in sorted(sums.items())
    ]
    whole = {"TotalCount": len(rows), "SumCost": _sum(totals), "PeriodItemDetail": _by_period(totals, periods)}
    return spelled(DimensionName=dimension, Detail=request.page(rows), TotalDetail=whole)


def _costs(request: ApiRequest, tag_key: str | None) -> Iterator[tuple[str, Spot, int]]:
    """Give the cost of everything in the span that passes the filter, and its period."""
    original = request.parameters.get("FeeType") == "originalCost"
    wanted = request.parameters.get("Filter", {})
    days = {day.isoformat() for day in _days(request)}
    for month in sorted({day[:7] for day in days}):
        for cell, amounts in request.statement_of(request.uin, month).cells().items():
            if cell.day in days:
                spot = _spot(request, cell, tag_key)
                if _passes(replace(spot, tag_key=wanted.get("TagKey")), wanted):
                    period = _period(request, date.fromisoformat(cell.day))
                    yield period, spot, amounts.original if original else amounts.total


def _spot(request: ApiRequest, cell: Cell, tag_key: str | None) -> Spot:
    seed = request.world.seed
    resource = resources(seed, request.uin)[cell.kind.resource]
    component = resource.product.components[cell.kind.component]
    return Spot(request.uin, payer_uin(seed), resource, component, TERMS[cell.kind.terms], tag_key)


def _passes(spot: Spot, wanted: Mapping[str, Any]) -> bool:
    """Tell whether a spot is wanted; its tag is that of the filter's key. An empty list filters nothing."""
    values = {name: value for name, value in wanted.items() if name.endswith("In") and value}
    return all(_compared(spot, name) in value for name, value in values.items())


def _compared(spot: Spot, name: str) -> str:
    return FILTERS[name](spot) if name in FILTERS else DIMENSIONS[name.removesuffix("In")](spot)[0]


def _days(request: ApiRequest) -> list[date]:
    """Return the days of the span that can have lines: from the first bill month to today."""
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
