"""Cost explorer actions, for the calling account itself.

Data only: names, types, ranges, roles and limits as the API's definition (2022-09-28) and its category page give them.
"""

from __future__ import annotations

from datetime import date

from pipelines.endpoints.shapes import CUSTOMERS, Action, Field, Paging, Parameter

DESCRIBE_CUSTOMER_OWN_COST_EXPLORER_FILTER = Action(
    name="DescribeCustomerOwnCostExplorerFilter",
    category="cost_explorer",
    limit=20,
    limit_as_of=date(2026, 5, 28),
    roles=CUSTOMERS,
    parameters=(
        Parameter("StartTime", required=True),
        Parameter("EndTime", required=True),
        Parameter("PeriodType", required=True),
    ),
    fields=(
        Field(
            "Data",
            "object",
            (
                Field(
                    "Business",
                    "list<object>",
                    (
                        Field("Key", nullable=True),
                        Field("Value", nullable=True),
                    ),
                    nullable=True,
                ),
                Field(
                    "Region",
                    "list<object>",
                    (
                        Field("Key", nullable=True),
                        Field("Value", nullable=True),
                    ),
                    nullable=True,
                ),
                Field(
                    "Zone",
                    "list<object>",
                    (
                        Field("Key", nullable=True),
                        Field("Value", nullable=True),
                    ),
                    nullable=True,
                ),
                Field(
                    "ActionType",
                    "list<object>",
                    (
                        Field("Key", nullable=True),
                        Field("Value", nullable=True),
                    ),
                    nullable=True,
                ),
                Field(
                    "PayMode",
                    "list<object>",
                    (
                        Field("Key", nullable=True),
                        Field("Value", nullable=True),
                    ),
                    nullable=True,
                ),
                Field(
                    "Project",
                    "list<object>",
                    (
                        Field("Key", nullable=True),
                        Field("Value", nullable=True),
                    ),
                    nullable=True,
                ),
                Field(
                    "PayerUin",
                    "list<object>",
                    (
                        Field("Key", nullable=True),
                        Field("Value", nullable=True),
                    ),
                    nullable=True,
                ),
                Field(
                    "OwnerUin",
                    "list<object>",
                    (
                        Field("Key", nullable=True),
                        Field("Value", nullable=True),
                    ),
                ),
            ),
        ),
    ),
    rows="Data",
)

DESCRIBE_CUSTOMER_OWN_COST_EXPLORER_SUMMARY = Action(
    name="DescribeCustomerOwnCostExplorerSummary",
    category="cost_explorer",
    limit=20,
    limit_as_of=date(2026, 5, 28),
    roles=CUSTOMERS,
    parameters=(
        Parameter("Dimension", required=True),
        Parameter("FeeType", required=True),
        Parameter("BillType", "int64", required=True),
        Parameter("StartTime", required=True),
        Parameter("EndTime", required=True),
        Parameter("PeriodType", required=True),
        Parameter("Page", "int64", required=True, minimum=1, maximum=10000),
        Parameter("PageSize", "int64", required=True, minimum=1, maximum=200),
        Parameter("TagKey"),
        Parameter(
            "Filter",
            "object",
            fields=(
                Parameter("BusinessIn", "list<string>"),
                Parameter("ProductIn", "list<string>"),
                Parameter("RegionIn", "list<string>"),
                Parameter("ActionTypeIn", "list<string>"),
                Parameter("PayModeIn", "list<string>"),
                Parameter("ProjectIn", "list<string>"),
                Parameter("PayerUinIn", "list<string>"),
                Parameter("TagKey"),
                Parameter("TagIn", "list<string>"),
                Parameter("ZoneIn", "list<string>"),
                Parameter("OwnerUinIn", "list<string>"),
                Parameter("ComponentIn", "list<string>"),
                Parameter("ItemIn", "list<string>"),
                Parameter("ResourceIn", "list<string>"),
            ),
        ),
    ),
    fields=(
        Field("DimensionName"),
        Field(
            "Detail",
            "list<object>",
            (
                Field("Name"),
                Field("Code"),
                Field("SumCost"),
                Field(
                    "ItemDetail",
                    "list<object>",
                    (
                        Field("Period"),
                        Field("Cost"),
                    ),
                ),
            ),
        ),
        Field(
            "TotalDetail",
            "object",
            (
                Field("TotalCount", "int64"),
                Field("SumCost"),
                Field(
                    "PeriodItemDetail",
                    "list<object>",
                    (
                        Field("Period"),
                        Field("Cost"),
                    ),
                ),
            ),
        ),
    ),
    rows="Detail",
    total="TotalDetail.TotalCount",
    paging=Paging(size=200),
)

ACTIONS = (
    DESCRIBE_CUSTOMER_OWN_COST_EXPLORER_FILTER,
    DESCRIBE_CUSTOMER_OWN_COST_EXPLORER_SUMMARY,
)
