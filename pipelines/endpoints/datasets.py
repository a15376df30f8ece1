"""What is landed: each dataset, the action that feeds it and how its requests are filled in.

A dataset is added here, with a `stg_` model, a sandbox answer and a fixture, and nowhere else.
"""

from __future__ import annotations

from pipelines.endpoints import bill, customer
from pipelines.endpoints.shapes import Dataset, Merge, PartitionKind

CUSTOMERS = Dataset(
    name="customers",
    action=customer.DESCRIBE_CUSTOMER_UIN,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
)

CUSTOMER_BILL_SUMMARY = Dataset(
    name="customer_bill_summary",
    action=bill.DESCRIBE_CUSTOMER_BILL_SUMMARY,
    partition=PartitionKind.BILL_MONTH,
    merge=Merge.BY_CUSTOMER,
    month_parameter="Month",
    customer_parameter="CustomerUin",
    cost="TotalCost",
)

BILL_SUMMARY_BY_PRODUCT = Dataset(
    name="bill_summary_by_product",
    action=bill.DESCRIBE_BILL_SUMMARY_BY_PRODUCT,
    partition=PartitionKind.BILL_MONTH,
    merge=Merge.BY_CUSTOMER,
    month_parameter="BillMonth",
    customer_parameter="CustomerUin",
    cost="TotalCost",
)

BILL_SUMMARY_BY_REGION = Dataset(
    name="bill_summary_by_region",
    action=bill.DESCRIBE_BILL_SUMMARY_BY_REGION,
    partition=PartitionKind.BILL_MONTH,
    merge=Merge.BY_CUSTOMER,
    month_parameter="BillMonth",
    customer_parameter="CustomerUin",
    cost="TotalCost",
)

BILL_SUMMARY_BY_PAY_MODE = Dataset(
    name="bill_summary_by_pay_mode",
    action=bill.DESCRIBE_BILL_SUMMARY_BY_PAY_MODE,
    partition=PartitionKind.BILL_MONTH,
    merge=Merge.BY_CUSTOMER,
    month_parameter="BillMonth",
    customer_parameter="CustomerUin",
    cost="TotalCost",
)

CUSTOMER_BILL_DETAIL = Dataset(
    name="customer_bill_detail",
    action=bill.DESCRIBE_CUSTOMER_BILL_DETAIL,
    partition=PartitionKind.BILL_MONTH,
    merge=Merge.BY_CUSTOMER,
    month_parameter="Month",
    customer_parameter="CustomerUin",
    cost="TotalCost",
    currency="Currency",
    proven_by="customer_bill_summary",
)

ALL = (
    CUSTOMERS,
    CUSTOMER_BILL_SUMMARY,
    BILL_SUMMARY_BY_PRODUCT,
    BILL_SUMMARY_BY_REGION,
    BILL_SUMMARY_BY_PAY_MODE,
    CUSTOMER_BILL_DETAIL,
)
