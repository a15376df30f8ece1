"""What a customer is told of its own bill: rows, summaries and cost explorer, all of the same lines."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from functools import partial
from itertools import chain, count, product, takewhile
from typing import Any

import pytest

from pipelines.endpoints.shapes import Role
from pipelines.sandbox import World
from pipelines.sandbox.answers.cost_explorer import DIMENSIONS, FILTERS, OFFERED
from tests.unit.matrix import check_all
from tests.unit.sandbox import asking
from tests.unit.sandbox.asking import MONTH, total

WORLD = World(customers=3, lines=500, largest=400)
FIRST = WORLD.customer_uins[0]
OCTOBER = {"StartTime": "2026-10-01 00:00:00", "EndTime": "2026-10-31 23:59:59"}
EXPLORER = "DescribeCustomerOwnCostExplorerSummary"


ask = partial(asking.ask, world=WORLD)
code = partial(asking.code, world=WORLD)


def pages(action: str, role: Role, **parameters: Any) -> list[dict[str, Any]]:
    """Return all rows of a bill."""
    asked = (ask(action, role, **parameters, Page=page, PageSize=200)["DetailSet"] for page in count(1))
    return list(chain.from_iterable(takewhile(bool, asked)))


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    """The first customer's own rows of October."""
    return pages("DescribeBillDetail", Role.CUSTOMER, Month=MONTH)


def explored(dimension: str, fee: str = "totalCost", period: str = "day", **others: Any) -> dict[str, Any]:
    """Ask cost explorer for a span, October if none is given."""
    asked = {**OCTOBER, "Dimension": dimension, "FeeType": fee, "PeriodType": period, "BillType": 1}
    return ask(EXPLORER, **{**asked, "Page": 1, "PageSize": 200, **others})


def test_own_rows_are_the_partners_without_its_terms(rows: list[dict[str, Any]]) -> None:
    """The same lines in the same order and amounts; tags instead of discounts and vouchers."""
    partners = pages("DescribeCustomerBillDetail", Role.RESELLER, Month=MONTH, CustomerUin=int(FIRST))
    hidden = {"DiscountRate", "TotalAmountAfterDiscount", "VoucherDeduction", "CustomerDiscountRate"}
    assert [{name: value for name, value in row.items() if name != "Tags"} for row in rows] == [
        {name: value for name, value in row.items() if name not in hidden} for row in partners
    ]
    tags = [row["Tags"] for row in rows]
    assert None in tags
    assert [] in tags
    assert {"TagKey": "team", "TagValue": "数据平台"} in [tag for each in tags if each for tag in each]


def tag_of(row: dict[str, Any], key: str) -> str:
    """Return the value of a row's tag, '' if it has none."""
    return next((tag["TagValue"] for tag in row["Tags"] or [] if tag["TagKey"] == key), "")


@pytest.mark.parametrize(
    ("asked", "key"),
    [
        ({"GroupType": "product"}, lambda row: (row["BusinessCode"], row["ProductName"])),
        ({"GroupType": "project"}, lambda row: (row.get("ProjectName") or "",) * 2),
        ({"GroupType": "tag", "TagKey": ["env"]}, lambda row: ("env", tag_of(row, "env"))),
        ({"GroupType": "tag", "TagKey": ["cost center"]}, lambda row: ("cost center", tag_of(row, "cost center"))),
    ],
)
def test_summaries_divide_the_rows(rows: list[dict[str, Any]], asked: dict[str, Any], key: Any) -> None:
    """Each group is the exact sum of its rows, and of its products, which only a summary by product leaves out."""
    groups: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    summary = ask("DescribeBillSummary", Month=MONTH, **asked)["SummaryDetail"]
    assert {(row["GroupKey"], row["GroupValue"]) for row in summary} == groups.keys()
    for row in summary:
        of_group = groups[row["GroupKey"], row["GroupValue"]]
        for name in ("OriginalCost", "TotalCost"):
            assert Decimal(row[name]) == total(of_group, name)
            assert not row["Business"] or Decimal(row[name]) == total(row["Business"], name)
        assert bool(row["Business"]) is (asked["GroupType"] != "product")
        assert {part["BusinessCode"] for part in row["Business"]} <= {part["BusinessCode"] for part in of_group}


def test_a_summary_by_tag_takes_several_keys() -> None:
    """Each key divides the whole month; without a key it is MissingParameter."""
    keys = ["env", "team"]
    summary = ask("DescribeBillSummary", Month=MONTH, GroupType="tag", TagKey=keys)["SummaryDetail"]
    sums = {key: total([row for row in summary if row["GroupKey"] == key], "TotalCost") for key in keys}
    whole = total(ask("DescribeBillSummary", Month=MONTH, GroupType="product")["SummaryDetail"], "TotalCost")
    assert sums == dict.fromkeys(keys, whole)
    assert code("DescribeBillSummary", Month=MONTH, GroupType="tag") == "MissingParameter"
    assert code("DescribeBillSummary", Month=MONTH, GroupType="tag", TagKey=[]) == "MissingParameter"


KEYS: dict[str, Any] = {
    "Default": lambda _: "Total",
    "Business": lambda row: row["BusinessCode"],
    "Product": lambda row: row["ProductCode"],
    "Region": lambda row: row["Region"].replace("\u00a0", " "),
    "Zone": lambda row: row["AvailabilityZone"],
    "ActionType": lambda row: row["TransactionType"],
    "PayMode": lambda row: row["BillingMode"],
    "Project": lambda row: row.get("ProjectName") or "",
    "PayerUin": lambda row: str(row["PayerAccountId"]),
    "OwnerUin": lambda row: str(row["OwnerAccountId"]),
    "Tag": lambda row: tag_of(row, "team"),
}
BY_NAME = {"Region", "ActionType", "PayMode"}
"""Dimensions whose code a row does not have."""


def test_cost_explorer_divides_the_rows_by_day(rows: list[dict[str, Any]]) -> None:
    """Every cost is the exact sum of that day's rows, every sum is of its costs, and the total is of the month."""

    def check(dimension: str, fee: str) -> None:
        expected: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for row in rows:
            expected[KEYS[dimension](row), row["TransactionTime"][:10]] += Decimal(row[fee[0].upper() + fee[1:]])
        reply = explored(dimension, fee, **({"TagKey": "team"} if dimension == "Tag" else {}))
        name = "Name" if dimension in BY_NAME else "Code"
        costs = {
            (row[name], item["Period"]): Decimal(item["Cost"]) for row in reply["Detail"] for item in row["ItemDetail"]
        }
        assert {key: cost for key, cost in costs.items() if cost} == {
            key: cost for key, cost in expected.items() if cost
        }
        for row in reply["Detail"]:
            assert Decimal(row["SumCost"]) == total(row["ItemDetail"], "Cost")
            assert len(row["ItemDetail"]) == 31
        whole = reply["TotalDetail"]
        assert whole["TotalCount"] == len(reply["Detail"])
        assert (
            Decimal(whole["SumCost"]) == total(reply["Detail"], "SumCost") == total(whole["PeriodItemDetail"], "Cost")
        )
        assert Decimal(whole["SumCost"]) == sum(expected.values())
        assert reply["DimensionName"] == dimension

    check_all(check, product(DIMENSIONS, ("originalCost", "totalCost")))


def test_months_are_the_sums_of_days() -> None:
    """By month the same costs are summed by month."""
    span = {"StartTime": "2026-09-01 00:00:00", "EndTime": "2026-10-31 23:59:59"}
    days, months = (explored("Business", period=period, **span)["TotalDetail"] for period in ("day", "month"))
    assert [item["Period"] for item in months["PeriodItemDetail"]] == ["2026-09", "2026-10"]
    for item in months["PeriodItemDetail"]:
        month_work = [day for day in days["PeriodItemDetail"] if day["Period"].startswith(item["Period"])]
        assert Decimal(item["Cost"]) == total(month_work, "Cost")


def test_periods_end_today() -> None:
    """The running month has the days up to today, the months before the first bill none."""
    november = explored("Default", StartTime="2026-11-01 00:00:00", EndTime="2026-11-30 23:59:59")
    assert [item["Period"] for item in november["TotalDetail"]["PeriodItemDetail"]][-1] == "2026-11-20"
    early = explored("Default", period="month", StartTime="2022-05-01 00:00:00", EndTime="2022-06-30 23:59:59")
    assert [item["Period"] for item in early["TotalDetail"]["PeriodItemDetail"]] == ["2022-06"]


def test_long_spans_are_refused() -> None:
    """Over two calendar months by day, or six by month, and backwards, is InvalidParameterValue."""

    def check(action: str, period: str, start: str, end: str, expected: str = "") -> None:
        asked = {"StartTime": f"{start} 00:00:00", "EndTime": f"{end} 00:00:00", "PeriodType": period}
        if action == EXPLORER:
            asked |= {"Dimension": "Default", "FeeType": "totalCost", "BillType": 1, "Page": 1, "PageSize": 200}
        assert code(action, **asked) == expected

    spans = [
        ("day", "2026-09-30", "2026-10-01"),
        ("day", "2026-08-31", "2026-10-01", "InvalidParameterValue"),
        ("month", "2026-05-31", "2026-10-01"),
        ("month", "2026-04-30", "2026-10-01", "InvalidParameterValue"),
        ("month", "2025-11-30", "2026-04-01"),
        ("month", "2025-10-31", "2026-04-01", "InvalidParameterValue"),
        ("day", "2026-10-02", "2026-10-01", "InvalidParameterValue"),
    ]
    actions = (EXPLORER, "DescribeCustomerOwnCostExplorerFilter")
    check_all(check, ((action, *span) for action in actions for span in spans))


def test_a_tag_needs_its_key() -> None:
    """Dimension Tag without TagKey is MissingParameter."""
    asked = {**OCTOBER, "PeriodType": "day", "FeeType": "totalCost", "BillType": 1, "Page": 1, "PageSize": 200}
    assert code(EXPLORER, **asked, Dimension="Tag") == "MissingParameter"
    assert code(EXPLORER, **asked, Dimension="Tag", TagKey="team") == ""


def test_offered_values_filter_the_costs() -> None:
    """What the filter action offers is what the summary divides by, and filtering by each value gives just its cost."""
    offered = ask("DescribeCustomerOwnCostExplorerFilter", **OCTOBER, PeriodType="day")["Data"]
    assert offered.keys() == set(OFFERED)
    for dimension, values in offered.items():
        divided = {row["Code"]: row["SumCost"] for row in explored(dimension)["Detail"]}
        assert [value["Key"] for value in values] == list(divided)
        for value in values:
            filtered = explored("Default", Filter={f"{dimension}In": [value["Key"]]})
            assert filtered["TotalDetail"]["SumCost"] == divided[value["Key"]]


def test_nothing_to_offer_is_null() -> None:
    """Where a span has no lines every list of the filter action is null, and the summary has no rows."""
    span = {"StartTime": "2022-05-01 00:00:00", "EndTime": "2022-05-31 23:59:59", "PeriodType": "day"}
    assert set(ask("DescribeCustomerOwnCostExplorerFilter", **span)["Data"].values()) == {None}
    assert explored("Business", **span)["Detail"] == []


@pytest.mark.parametrize(
    ("name", "member"), [("ComponentIn", "ComponentCode"), ("ItemIn", "ItemCode"), ("ResourceIn", "InstanceId")]
)
def test_filters_can_go_below_every_dimension(rows: list[dict[str, Any]], name: str, member: str) -> None:
    """Components, items and resources can be filtered by, though nothing is divided by them."""
    assert name in FILTERS
    value = rows[0][member]
    filtered = explored("Default", Filter={name: [value]})["TotalDetail"]["SumCost"]
    assert Decimal(filtered) == total([row for row in rows if row[member] == value], "TotalCost")


def test_filters_combine_and_tags_have_a_key_of_their_own(rows: list[dict[str, Any]]) -> None:
    """All filters must hold; the tag of a filter is not that of the dimension; an empty list filters nothing."""
    wanted = {"TagKey": "env", "TagIn": ["prod"], "PayModeIn": ["postPay"], "RegionIn": []}
    reply = explored("Tag", TagKey="team", Filter=wanted)
    passing = [row for row in rows if tag_of(row, "env") == "prod" and row["BillingMode"].startswith("Pay-As")]
    assert Decimal(reply["TotalDetail"]["SumCost"]) == total(passing, "TotalCost")
    assert {row["Code"] for row in reply["Detail"]} == {tag_of(row, "team") for row in passing}
