"""The columns of downloadable bill and commission files.

Headers are compared without case, spaces, underscores and brackets (also full-width ones), so a field's own name covers
all such spellings; `headers` adds others. Columns that are not listed here are kept in `_extra`. Data only: `land/`
reads the files.

Sources: for the detailed bill of customers, the field tables of the customer bill (documents 1085/56859, 2025-12, and
1085/48350, 2025-05); for own detailed bills, the headers that a public parser reads (given where they differ). No
document shows a whole header line, an encoding or a delimiter. Columns that no source names are `inferred`.
"""

from __future__ import annotations

from pipelines.endpoints.shapes import Field

_ACCOUNTS = (
    Field("PayerAccountId"),
    Field("OwnerAccountId"),
    Field("OperatorAccountId"),
)

_RESOURCE = (
    Field("ProductName"),
    Field("SubProductName"),
    Field("BillingMode"),
    Field("ProjectName"),
    Field("Region"),
    Field("AvailabilityZone"),
    Field("InstanceId"),
    Field("InstanceName", personal=True),
    Field("InstanceType"),
    Field("TransactionType"),
    Field("TransactionId"),
    Field("TransactionTime"),
    Field("UsageStartTime"),
    Field("UsageEndTime"),
)

_COMPONENT = (
    Field("ComponentType"),
    Field("ComponentName"),
    Field("ComponentListPrice"),
    Field("ComponentPriceMeasurementUnit"),
    Field("ComponentUsage"),
    Field("ComponentUsageUnit"),
    Field("UsageDuration"),
    Field("DurationUnit"),
)

_CODES = (
    Field("BusinessCode", headers=("Product Code",)),
    Field("ProductCode", headers=("Subproduct Code",)),
    Field("ComponentCode", headers=("Component Type Code",)),
    Field("ItemCode", headers=("Component Code",)),
)
"""Named as in the rows of the bill actions. A file's header for BusinessCode is `Product Code`, and so on."""

CUSTOMER_DETAIL = (
    Field("BillMonth"),
    *_ACCOUNTS,
    Field("ResellerAccountId"),
    *_RESOURCE,
    Field("TagKeys"),
    *_COMPONENT,
    Field("OriginalCost"),
    Field("RIDeductionDuration"),
    Field("RIDeductionCost"),
    Field("CustomerDiscountRate"),
    Field("TotalAmountBeforeVoucher"),
    Field("CustomerVoucherDeduction", headers=("Voucher Deduction",)),
    Field("TotalCost"),
    Field("Currency"),
    Field("PaymentStatus"),
    *_CODES,
    Field("Id", inferred=True),
)
"""Columns of a customer's detailed (L3) bill, also inside a pack. Amounts have 8 decimals."""

CUSTOMER_RESOURCE = (
    Field("BillMonth"),
    *(Field(field.name, inferred=True, personal=field.personal) for field in (*_ACCOUNTS, *_RESOURCE)),
    Field("OriginalCost", inferred=True),
    Field("CustomerDiscountRate", inferred=True),
    Field("TotalAmountBeforeVoucher", inferred=True),
    Field("CustomerVoucherDeduction", headers=("Voucher Deduction",), inferred=True),
    Field("TotalCost", inferred=True),
    Field("Currency", inferred=True),
    Field("PaymentStatus", inferred=True),
)
"""Columns of a customer's resource (L2) bill, one row per instance. Amounts have 2 decimals. No source lists them."""

OWN_DETAIL = (
    Field("BillMonth"),
    *_ACCOUNTS,
    *_RESOURCE,
    Field("ComponentType"),
    Field("ComponentName"),
    Field("ComponentListPrice", inferred=True),
    Field("ComponentContractedPrice"),
    Field("ComponentPriceMeasurementUnit"),
    Field("ComponentUsage"),
    Field("ComponentUsageUnit"),
    Field("UsageDuration"),
    Field("DurationUnit"),
    Field("OriginalCost"),
    Field("RIDeductionDuration"),
    Field("RIDeductionCost"),
    Field("SPDeduction"),
    Field("SPDeductionRate"),
    Field("SPDeductionCost"),
    Field("DiscountMultiplier"),
    Field("BlendedDiscountMultiplier"),
    Field("Currency"),
    Field("TotalAmountAfterDiscount", headers=("Total Amount After Discount (Excluding Tax)",)),
    Field("VoucherDeduction"),
    Field("AmountBeforeTax"),
    Field("TaxRate"),
    Field("TaxAmount"),
    Field("TotalCost", headers=("Total Cost (Including Tax)",)),
    *_CODES,
    Field("Id", inferred=True),
)
"""Columns of an end customer's own detailed (L3) bill. Those called `tag_key:<name>` are kept in `_extra`."""

OWN_RESOURCE = (
    Field("BillMonth"),
    *(Field(field.name, inferred=True, personal=field.personal) for field in (*_ACCOUNTS, *_RESOURCE)),
    Field("OriginalCost", inferred=True),
    Field("Currency", inferred=True),
    Field("TotalAmountAfterDiscount", headers=("Total Amount After Discount (Excluding Tax)",), inferred=True),
    Field("VoucherDeduction", inferred=True),
    Field("TotalCost", headers=("Total Cost (Including Tax)",), inferred=True),
)
"""Columns of an end customer's own resource (L2) bill, one row per instance. No source lists them."""

COMMISSION = (
    Field("BillMonth", headers=("Month",), inferred=True),
    Field("CustomerUin", headers=("Customer UIN", "Customer ID", "Owner Account ID"), inferred=True),
    Field("CustomerName", inferred=True, personal=True),
    Field("ProductName", headers=("Product",), inferred=True),
    Field("SubProductName", headers=("Subproduct",), inferred=True),
    Field("BillingMode", inferred=True),
    Field("TransactionType", inferred=True),
    Field("TotalCost", headers=("Amount", "Total Amount"), inferred=True),
    Field("CommissionRate", headers=("Rebate Rate",), inferred=True),
    Field("CommissionAmount", headers=("Commission", "Rebate", "Rebate Amount"), inferred=True),
    Field("Currency", inferred=True),
)
"""Columns of a month's commission details: a CSV, a workbook, or an archive of either. No source lists them."""
