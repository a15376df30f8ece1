"""The columns of downloadable bill and commission files.

A header is matched without regard to case, spaces, underscores and brackets (also full-width ones), so a field's own
name stands for all such spellings; `headers` adds others. A column that is not named here is kept all the same, in
`_extra`. Data only; how files are read is `land/`'s business.

Sources: the customer bill's field tables (documents 1085/56859, 2025-12, and 1085/48350, 2025-05) for the detailed bill
of customers, the headers that a public parser of own detailed bills reads (its columns are marked where its headers
differ). No document shows a whole first line, an encoding or a delimiter; what no source names at all is `inferred`.
"""

from __future__ import annotations

from pipelines.endpoints.shapes import Field

_WHO = (
    Field("PayerAccountId"),
    Field("OwnerAccountId"),
    Field("OperatorAccountId"),
)

_WHAT = (
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
"""Spelled as bill rows spell them; a file's own headers say `Product Code` for BusinessCode, and so on."""

CUSTOMER_DETAIL = (
    Field("BillMonth"),
    *_WHO,
    Field("ResellerAccountId"),
    *_WHAT,
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
"""The detailed (L3) bill of a customer, and of all customers in a pack; amounts at 8 decimals."""

CUSTOMER_RESOURCE = (
    Field("BillMonth"),
    *(Field(field.name, inferred=True, personal=field.personal) for field in (*_WHO, *_WHAT)),
    Field("OriginalCost", inferred=True),
    Field("CustomerDiscountRate", inferred=True),
    Field("TotalAmountBeforeVoucher", inferred=True),
    Field("CustomerVoucherDeduction", headers=("Voucher Deduction",), inferred=True),
    Field("TotalCost", inferred=True),
    Field("Currency", inferred=True),
    Field("PaymentStatus", inferred=True),
)
"""The resource (L2) bill of a customer, a row for each instance; amounts at 2 decimals. No source lists its columns."""

OWN_DETAIL = (
    Field("BillMonth"),
    *_WHO,
    *_WHAT,
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
"""An end customer's own detailed (L3) bill. Columns called `tag_key:<name>` are kept in `_extra`."""

OWN_RESOURCE = (
    Field("BillMonth"),
    *(Field(field.name, inferred=True, personal=field.personal) for field in (*_WHO, *_WHAT)),
    Field("OriginalCost", inferred=True),
    Field("Currency", inferred=True),
    Field("TotalAmountAfterDiscount", headers=("Total Amount After Discount (Excluding Tax)",), inferred=True),
    Field("VoucherDeduction", inferred=True),
    Field("TotalCost", headers=("Total Cost (Including Tax)",), inferred=True),
)
"""An end customer's own resource (L2) bill, a row for each instance. No source lists its columns."""

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
"""The commission details of a month, a CSV, a workbook or an archive of them. No source lists its columns."""
