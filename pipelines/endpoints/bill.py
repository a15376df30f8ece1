"""Bill actions: summaries, lines and bill files, for partners and for end customers.

Data only: names, types, ranges, roles and limits as the API's definition (2022-09-28) and its category page give them.
"""

from __future__ import annotations

from pipelines.endpoints.shapes import CUSTOMERS, LIMITS_PAGE, PARTNERS, Action, Field, Paging, Parameter

DESCRIBE_BILL_DETAIL = Action(
    name="DescribeBillDetail",
    category="bill",
    limit=1,
    limit_as_of=LIMITS_PAGE,
    roles=CUSTOMERS,
    parameters=(
        Parameter("Month", required=True),
        Parameter("PageSize", "int64", required=True, minimum=1, maximum=200),
        Parameter("Page", "int64", required=True),
        Parameter("PayMode"),
        Parameter("ActionType"),
    ),
    fields=(
        Field(
            "DetailSet",
            "list<object>",
            (
                Field("PayerAccountId", "int64"),
                Field("OwnerAccountId", "int64"),
                Field("OperatorAccountId", "int64"),
                Field("ProductName"),
                Field("BillingMode"),
                Field("ProjectName"),
                Field("Region"),
                Field("AvailabilityZone"),
                Field("InstanceId"),
                Field("InstanceName"),
                Field("SubProductName"),
                Field("TransactionType"),
                Field("TransactionId"),
                Field("TransactionTime"),
                Field("UsageStartTime"),
                Field("UsageEndTime"),
                Field("ComponentType"),
                Field("ComponentName"),
                Field("ComponentListPrice"),
                Field("ComponentPriceMeasurementUnit"),
                Field("ComponentUsage"),
                Field("ComponentUsageUnit"),
                Field("UsageDuration"),
                Field("DurationUnit"),
                Field("OriginalCost"),
                Field("Currency", values=("USD",)),
                Field("TotalCost"),
                Field("Id"),
                Field(
                    "Tags",
                    "list<object>",
                    (
                        Field("TagKey"),
                        Field("TagValue"),
                    ),
                ),
                Field("BusinessCode"),
                Field("ProductCode"),
                Field("ComponentCode"),
                Field("ItemCode"),
            ),
        ),
        Field("Total", "int64"),
    ),
    rows="DetailSet",
    total="Total",
    paging=Paging(size=200),
)

DESCRIBE_BILL_DOWNLOAD_URL = Action(
    name="DescribeBillDownloadUrl",
    category="bill",
    limit=20,
    limit_as_of=LIMITS_PAGE,
    roles=CUSTOMERS,
    parameters=(
        Parameter("Month", required=True),
        Parameter("FileType", required=True),
    ),
    fields=(
        Field("DownloadUrl"),
        Field("Ready", "int64"),
    ),
)

DESCRIBE_BILL_SUMMARY = Action(
    name="DescribeBillSummary",
    category="bill",
    limit=1,
    limit_as_of=LIMITS_PAGE,
    roles=CUSTOMERS,
    parameters=(
        Parameter("Month", required=True),
        Parameter("GroupType", required=True),
        Parameter("TagKey", "list<string>"),
    ),
    fields=(
        Field(
            "SummaryDetail",
            "list<object>",
            (
                Field(
                    "Business",
                    "list<object>",
                    (
                        Field("BusinessCodeName"),
                        Field("BusinessCode"),
                        Field("OriginalCost"),
                        Field("VoucherPayAmount"),
                        Field("RICost"),
                        Field("TotalCost"),
                    ),
                ),
                Field("OriginalCost"),
                Field("VoucherPayAmount"),
                Field("RICost"),
                Field("TotalCost"),
                Field("GroupKey"),
                Field("GroupValue"),
            ),
        ),
    ),
    rows="SummaryDetail",
)

DESCRIBE_BILL_SUMMARY_BY_PAY_MODE = Action(
    name="DescribeBillSummaryByPayMode",
    category="bill",
    limit=1,
    limit_as_of=LIMITS_PAGE,
    roles=PARTNERS,
    parameters=(
        Parameter("BillMonth", required=True),
        Parameter("CustomerUin", "int64", required=True),
    ),
    fields=(
        Field(
            "SummaryOverview",
            "list<object>",
            (
                Field("PayMode", values=("prePay", "postPay")),
                Field("PayModeName"),
                Field("OriginalCost"),
                Field(
                    "Detail",
                    "list<object>",
                    (
                        Field("ActionType"),
                        Field("ActionTypeName"),
                        Field("OriginalCost"),
                        Field("VoucherPayAmount"),
                        Field("TotalCost"),
                    ),
                ),
                Field("VoucherPayAmount"),
                Field("TotalCost"),
            ),
        ),
    ),
    rows="SummaryOverview",
)

DESCRIBE_BILL_SUMMARY_BY_PRODUCT = Action(
    name="DescribeBillSummaryByProduct",
    category="bill",
    limit=1,
    limit_as_of=LIMITS_PAGE,
    roles=PARTNERS,
    parameters=(
        Parameter("BillMonth", required=True),
        Parameter("CustomerUin", "int64", required=True),
    ),
    fields=(
        Field(
            "SummaryOverview",
            "list<object>",
            (
                Field("BusinessCode"),
                Field("BusinessCodeName"),
                Field("OriginalCost"),
                Field("VoucherPayAmount"),
                Field("TotalCost"),
            ),
        ),
    ),
    rows="SummaryOverview",
)

DESCRIBE_BILL_SUMMARY_BY_REGION = Action(
    name="DescribeBillSummaryByRegion",
    category="bill",
    limit=1,
    limit_as_of=LIMITS_PAGE,
    roles=PARTNERS,
    parameters=(
        Parameter("BillMonth", required=True),
        Parameter("CustomerUin", "int64", required=True),
    ),
    fields=(
        Field(
            "SummaryOverview",
            "list<object>",
            (
                Field("RegionId"),
                Field("RegionName"),
                Field("OriginalCost"),
                Field("VoucherPayAmount"),
                Field("TotalCost"),
            ),
        ),
    ),
    rows="SummaryOverview",
)

DESCRIBE_CUSTOMER_BILL_DETAIL = Action(
    name="DescribeCustomerBillDetail",
    category="bill",
    limit=5,
    limit_as_of=LIMITS_PAGE,
    roles=PARTNERS,
    parameters=(
        Parameter("CustomerUin", "uint64", required=True),
        Parameter("Month", required=True),
        Parameter("PageSize", "int64", required=True, minimum=1, maximum=200),
        Parameter("Page", "int64", required=True),
        Parameter("PayMode"),
        Parameter("ActionType"),
        Parameter("IsConfirmed"),
    ),
    fields=(
        Field("Total", "int64"),
        Field(
            "DetailSet",
            "list<object>",
            (
                Field("PayerAccountId", "int64"),
                Field("OwnerAccountId", "int64"),
                Field("OperatorAccountId", "int64"),
                Field("ProductName"),
                Field("BillingMode"),
                Field("ProjectName"),
                Field("Region"),
                Field("AvailabilityZone"),
                Field("InstanceId"),
                Field("InstanceName"),
                Field("SubProductName"),
                Field("TransactionType"),
                Field("TransactionId"),
                Field("TransactionTime"),
                Field("UsageStartTime"),
                Field("UsageEndTime"),
                Field("ComponentType"),
                Field("ComponentName"),
                Field("ComponentListPrice"),
                Field("ComponentPriceMeasurementUnit"),
                Field("ComponentUsage"),
                Field("ComponentUsageUnit"),
                Field("UsageDuration"),
                Field("DurationUnit"),
                Field("OriginalCost"),
                Field("DiscountRate"),
                Field("Currency", values=("USD",)),
                Field("TotalAmountAfterDiscount"),
                Field("VoucherDeduction"),
                Field("TotalCost"),
                Field("Id"),
                Field("CustomerDiscountRate"),
                Field("BusinessCode"),
                Field("ProductCode"),
                Field("ComponentCode"),
                Field("ItemCode"),
            ),
        ),
    ),
    rows="DetailSet",
    total="Total",
    paging=Paging(size=200),
)

DESCRIBE_CUSTOMER_BILL_DETAIL_BY_DAY = Action(
    name="DescribeCustomerBillDetailByDay",
    category="bill",
    limit=20,
    limit_as_of=LIMITS_PAGE,
    roles=PARTNERS,
    parameters=(
        Parameter("CustomerUin", "int64", required=True),
        Parameter("Date", required=True),
    ),
    fields=(Field("TotalCost"),),
)

DESCRIBE_CUSTOMER_BILL_DOWNLOAD_URL = Action(
    name="DescribeCustomerBillDownloadUrl",
    category="bill",
    limit=20,
    limit_as_of=LIMITS_PAGE,
    roles=PARTNERS,
    parameters=(
        Parameter("Month", required=True),
        Parameter("FileType", required=True),
        Parameter("CustomerUinType", required=True),
        Parameter("FileLanguage"),
        Parameter("CustomerUin", "int64"),
    ),
    fields=(
        Field("DownloadUrl"),
        Field("Ready", "int64"),
    ),
)

DESCRIBE_CUSTOMER_BILL_SUMMARY = Action(
    name="DescribeCustomerBillSummary",
    category="bill",
    limit=1,
    limit_as_of=LIMITS_PAGE,
    roles=PARTNERS,
    parameters=(
        Parameter("CustomerUin", "uint64", required=True),
        Parameter("Month", required=True),
        Parameter("PayMode"),
        Parameter("ActionType"),
        Parameter("IsConfirmed"),
    ),
    fields=(Field("TotalCost", "float"),),
)

ACTIONS = (
    DESCRIBE_BILL_DETAIL,
    DESCRIBE_BILL_DOWNLOAD_URL,
    DESCRIBE_BILL_SUMMARY,
    DESCRIBE_BILL_SUMMARY_BY_PAY_MODE,
    DESCRIBE_BILL_SUMMARY_BY_PRODUCT,
    DESCRIBE_BILL_SUMMARY_BY_REGION,
    DESCRIBE_CUSTOMER_BILL_DETAIL,
    DESCRIBE_CUSTOMER_BILL_DETAIL_BY_DAY,
    DESCRIBE_CUSTOMER_BILL_DOWNLOAD_URL,
    DESCRIBE_CUSTOMER_BILL_SUMMARY,
)
