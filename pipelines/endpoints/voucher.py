"""Voucher actions: the voucher pool, vouchers and what was paid with them.

Data only: names, types, ranges, roles and limits as the API's definition (2022-09-28) and its category page give them.
"""

from __future__ import annotations

from datetime import date

from pipelines.endpoints.shapes import CUSTOMERS, LIMITS_PAGE, PARTNERS, Action, Field, Paging, Parameter

_STATUSES = ("Issued", "Used", "Expired", "Invalidated", "Canceled")
"""The four statuses that lists can be filtered by, and `Canceled`, which only the definition's example shows."""
_PAYMENT_MODES = ("AllPayment", "Prepaid", "Postpaid")
_SCOPES = ("AllProducts", "SpecifyProducts", "SpecifyProductsBlacklist")

DESCRIBE_CUSTOMER_OWN_VOUCHER_LIST = Action(
    name="DescribeCustomerOwnVoucherList",
    category="voucher",
    limit=20,
    limit_as_of=LIMITS_PAGE,
    roles=CUSTOMERS,
    parameters=(
        Parameter("Page", "int64", required=True),
        Parameter("PageSize", "int64", required=True, minimum=1, maximum=100),
        Parameter("VoucherStatus"),
        Parameter("PaymentMode"),
        Parameter("ProductScope"),
        Parameter("VoucherId", "int64"),
    ),
    fields=(
        Field("TotalCount", "uint64"),
        Field(
            "Data",
            "list<object>",
            (
                Field("VoucherId", "int64"),
                Field("CustomerUin", "int64"),
                Field("VoucherStatus", values=_STATUSES),
                Field("RemainingAmount", "float"),
                Field("TotalAmount", "float"),
                Field("PaymentMode", values=_PAYMENT_MODES),
                Field("ProductScope", values=_SCOPES),
                Field("EffectiveTime"),
                Field("ExpireTime"),
            ),
        ),
    ),
    rows="Data",
    total="TotalCount",
    paging=Paging(size=100),
)

DESCRIBE_CUSTOMER_OWN_VOUCHER_USAGE_DETAILS = Action(
    name="DescribeCustomerOwnVoucherUsageDetails",
    category="voucher",
    limit=20,
    limit_as_of=date(2026, 5, 9),
    roles=CUSTOMERS,
    parameters=(
        Parameter("Page", "int64", required=True),
        Parameter("PageSize", "int64", required=True),
        Parameter("VoucherId", "int64", required=True),
        Parameter("Month"),
    ),
    fields=(
        Field(
            "Data",
            "list<object>",
            (
                Field("Id", "int64"),
                Field("VoucherId"),
                Field("DealName"),
                Field("BillId"),
                Field("Amount", "float"),
                Field("PayMode"),
                Field("ProductCode"),
                Field("SubProductCode"),
                Field("ProductCodeName"),
                Field("SubProductCodeName"),
                Field("PayTime"),
                Field("CompletionTime"),
                Field("OwnerUin", "int64"),
            ),
        ),
        Field("VoucherId", "int64"),
        Field("TotalAmount", "float"),
        Field("RemainAmount", "float"),
        Field("TotalRecordsCount", "int64"),
        Field("Month"),
        Field("RecordsCountByMonth", "int64"),
    ),
    rows="Data",
    total="RecordsCountByMonth",
    paging=Paging(size=100),
)

DESCRIBE_CUSTOMER_VOUCHER_LIST = Action(
    name="DescribeCustomerVoucherList",
    category="voucher",
    limit=20,
    limit_as_of=LIMITS_PAGE,
    roles=PARTNERS,
    parameters=(
        Parameter("Page", "int64", required=True),
        Parameter("PageSize", "int64", required=True, minimum=1, maximum=100),
        Parameter("CustomerUin", "int64"),
        Parameter("VoucherStatus"),
        Parameter("PaymentMode"),
        Parameter("Usage"),
        Parameter("ProductScope"),
        Parameter("VoucherId", "int64"),
    ),
    fields=(
        Field("TotalCount", "uint64"),
        Field(
            "Data",
            "list<object>",
            (
                Field("VoucherId", "int64"),
                Field("CustomerUin", "int64"),
                Field("VoucherStatus", values=_STATUSES),
                Field("RemainingAmount", "float"),
                Field("TotalAmount", "float"),
                Field("Usage", values=("ProductTrial", "CustomerOffer")),
                Field("PaymentMode", values=_PAYMENT_MODES),
                Field("ProductScope", values=_SCOPES),
                Field("EffectiveTime"),
                Field("ExpireTime"),
                Field("ApplyReason", personal=True),
            ),
        ),
    ),
    rows="Data",
    total="TotalCount",
    paging=Paging(size=100),
)

DESCRIBE_CUSTOMER_VOUCHER_USAGE_DETAILS = Action(
    name="DescribeCustomerVoucherUsageDetails",
    category="voucher",
    limit=20,
    limit_as_of=date(2026, 4, 10),
    roles=PARTNERS,
    parameters=(
        Parameter("Page", "int64", required=True),
        Parameter("PageSize", "int64", required=True),
        Parameter("CustomerUin", "int64", required=True),
        Parameter("VoucherId", "int64", required=True),
        Parameter("Month"),
    ),
    fields=(
        Field(
            "Data",
            "list<object>",
            (
                Field("Id", "int64"),
                Field("VoucherId"),
                Field("DealName"),
                Field("BillId"),
                Field("Amount", "float"),
                Field("PayMode"),
                Field("ProductCode"),
                Field("SubProductCode"),
                Field("ProductCodeName"),
                Field("SubProductCodeName"),
                Field("PayTime"),
                Field("CompletionTime"),
                Field("OwnerUin", "int64"),
            ),
        ),
        Field("CustomerUin", "int64"),
        Field("VoucherId", "int64"),
        Field("TotalAmount", "float"),
        Field("RemainAmount", "float"),
        Field("TotalRecordsCount", "int64"),
        Field("Month"),
        Field("RecordsCountByMonth", "int64"),
    ),
    rows="Data",
    total="RecordsCountByMonth",
    paging=Paging(size=100),
)

QUERY_VOUCHER_AMOUNT_BY_UIN = Action(
    name="QueryVoucherAmountByUin",
    category="voucher",
    limit=5,
    limit_as_of=LIMITS_PAGE,
    roles=PARTNERS,
    parameters=(Parameter("ClientUins", "list<uint64>", required=True, minimum=1, maximum=20),),
    fields=(
        Field(
            "Data",
            "list<object>",
            (
                Field("ClientUin", "int64"),
                Field("TotalAmount", "float"),
                Field("RemainAmount", "float"),
            ),
        ),
    ),
    rows="Data",
)

QUERY_VOUCHER_LIST_BY_UIN = Action(
    name="QueryVoucherListByUin",
    category="voucher",
    limit=5,
    limit_as_of=LIMITS_PAGE,
    roles=PARTNERS,
    parameters=(
        Parameter("ClientUins", "list<uint64>", required=True, minimum=1, maximum=20),
        Parameter("Status"),
    ),
    fields=(
        Field(
            "Data",
            "list<object>",
            (
                Field("ClientUin", "int64"),
                Field("TotalCount", "int64"),
                Field(
                    "Data",
                    "list<object>",
                    (
                        Field("VoucherId"),
                        Field("VoucherStatus"),
                        Field("TotalAmount", "float"),
                        Field("RemainAmount", "float"),
                    ),
                ),
            ),
        ),
    ),
    rows="Data",
)

QUERY_VOUCHER_POOL = Action(
    name="QueryVoucherPool",
    category="voucher",
    limit=5,
    limit_as_of=LIMITS_PAGE,
    roles=PARTNERS,
    fields=(
        Field("AgentName", personal=True),
        Field("AccountType", "int64", values=("1", "2", "3")),
        Field("TotalQuota", "float"),
        Field("RemainingQuota", "float"),
        Field("IssuedNum", "int64"),
    ),
)

ACTIONS = (
    DESCRIBE_CUSTOMER_OWN_VOUCHER_LIST,
    DESCRIBE_CUSTOMER_OWN_VOUCHER_USAGE_DETAILS,
    DESCRIBE_CUSTOMER_VOUCHER_LIST,
    DESCRIBE_CUSTOMER_VOUCHER_USAGE_DETAILS,
    QUERY_VOUCHER_AMOUNT_BY_UIN,
    QUERY_VOUCHER_LIST_BY_UIN,
    QUERY_VOUCHER_POOL,
)
