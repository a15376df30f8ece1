"""What is landed: each dataset, the action that feeds it and how its requests are filled in.

A dataset is added here, with a `stg_` model, a sandbox answer and a fixture, and nowhere else.
"""

from __future__ import annotations

from itertools import product
from types import MappingProxyType

from pipelines.endpoints import bill, commission, cost_explorer, credit, customer, files, policy, voucher
from pipelines.endpoints.shapes import DISTRIBUTORS, TAG_KEY, Dataset, Each, Merge, PartitionKind

_DIMENSIONS = (
    "Default",
    "Business",
    "Product",
    "Region",
    "Zone",
    "ActionType",
    "PayMode",
    "Project",
    "PayerUin",
    "OwnerUin",
)
"""What cost explorer groups by, besides tags; Default is the total."""
_FEES = ("originalCost", "totalCost")

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
    key_parameter="Month",
    customer_parameter="CustomerUin",
    each=Each.CUSTOMER,
    cost="TotalCost",
    changed_if="customer_bill_by_day",
)

BILL_SUMMARY_BY_PRODUCT = Dataset(
    name="bill_summary_by_product",
    action=bill.DESCRIBE_BILL_SUMMARY_BY_PRODUCT,
    partition=PartitionKind.BILL_MONTH,
    merge=Merge.BY_CUSTOMER,
    key_parameter="BillMonth",
    customer_parameter="CustomerUin",
    each=Each.CUSTOMER,
    cost="TotalCost",
    changed_if="customer_bill_by_day",
)

BILL_SUMMARY_BY_REGION = Dataset(
    name="bill_summary_by_region",
    action=bill.DESCRIBE_BILL_SUMMARY_BY_REGION,
    partition=PartitionKind.BILL_MONTH,
    merge=Merge.BY_CUSTOMER,
    key_parameter="BillMonth",
    customer_parameter="CustomerUin",
    each=Each.CUSTOMER,
    cost="TotalCost",
    changed_if="customer_bill_by_day",
)

BILL_SUMMARY_BY_PAY_MODE = Dataset(
    name="bill_summary_by_pay_mode",
    action=bill.DESCRIBE_BILL_SUMMARY_BY_PAY_MODE,
    partition=PartitionKind.BILL_MONTH,
    merge=Merge.BY_CUSTOMER,
    key_parameter="BillMonth",
    customer_parameter="CustomerUin",
    each=Each.CUSTOMER,
    cost="TotalCost",
    changed_if="customer_bill_by_day",
)

CUSTOMER_BILL_DETAIL = Dataset(
    name="customer_bill_detail",
    action=bill.DESCRIBE_CUSTOMER_BILL_DETAIL,
    partition=PartitionKind.BILL_MONTH,
    merge=Merge.BY_CUSTOMER,
    key_parameter="Month",
    customer_parameter="CustomerUin",
    each=Each.CUSTOMER,
    cost="TotalCost",
    currency="Currency",
    reconciled_with="customer_bill_summary",
    changed_if="customer_bill_by_day",
)

CUSTOMER_BILL_UNPAID = Dataset(
    name="customer_bill_unpaid",
    action=bill.DESCRIBE_CUSTOMER_BILL_SUMMARY,
    partition=PartitionKind.BILL_MONTH,
    merge=Merge.BY_CUSTOMER,
    key_parameter="Month",
    customer_parameter="CustomerUin",
    each=Each.CUSTOMER,
    cost="TotalCost",
    fixed=MappingProxyType({"IsConfirmed": "2"}),
    once_billed=True,
    requested_if_cost="customer_bill_summary",
)
"""What customers have not paid yet, as `IsConfirmed` 2 tells it. That paid is total less unpaid is inferred."""

CUSTOMER_BILL_BY_DAY = Dataset(
    name="customer_bill_by_day",
    action=bill.DESCRIBE_CUSTOMER_BILL_DETAIL_BY_DAY,
    partition=PartitionKind.BILL_DATE,
    merge=Merge.BY_CUSTOMER,
    key_parameter="Date",
    customer_parameter="CustomerUin",
    each=Each.CUSTOMER,
    cost="TotalCost",
)

CUSTOMER_BILL_DETAIL_FILES = Dataset(
    name="customer_bill_detail_files",
    action=bill.DESCRIBE_CUSTOMER_BILL_DOWNLOAD_URL,
    partition=PartitionKind.BILL_MONTH,
    merge=Merge.BY_CUSTOMER,
    key_parameter="Month",
    customer_parameter="CustomerUin",
    kind_parameter="CustomerUinType",
    each=Each.CUSTOMER,
    fixed=MappingProxyType({"FileType": "billDetail", "FileLanguage": "en"}),
    file=files.CUSTOMER_DETAIL,
    once_billed=True,
    cost="TotalCost",
    currency="Currency",
    requested_if_rows="bill_summary_by_product",
)

CUSTOMER_BILL_RESOURCE_FILES = Dataset(
    name="customer_bill_resource_files",
    action=bill.DESCRIBE_CUSTOMER_BILL_DOWNLOAD_URL,
    partition=PartitionKind.BILL_MONTH,
    merge=Merge.BY_CUSTOMER,
    key_parameter="Month",
    customer_parameter="CustomerUin",
    kind_parameter="CustomerUinType",
    each=Each.CUSTOMER,
    fixed=MappingProxyType({"FileType": "billResource", "FileLanguage": "en"}),
    file=files.CUSTOMER_RESOURCE,
    once_billed=True,
    cost="TotalCost",
    currency="Currency",
    requested_if_rows="bill_summary_by_product",
)

CUSTOMER_BILL_DETAIL_PACKS = Dataset(
    name="customer_bill_detail_packs",
    action=bill.DESCRIBE_CUSTOMER_BILL_DOWNLOAD_URL,
    partition=PartitionKind.BILL_MONTH,
    merge=Merge.BY_CUSTOMER,
    key_parameter="Month",
    kind_parameter="CustomerUinType",
    fixed=MappingProxyType({"FileType": "billDetailPack", "FileLanguage": "en"}),
    file=files.CUSTOMER_DETAIL,
    once_billed=True,
    cost="TotalCost",
    currency="Currency",
)

CUSTOMER_BILL_RESOURCE_PACKS = Dataset(
    name="customer_bill_resource_packs",
    action=bill.DESCRIBE_CUSTOMER_BILL_DOWNLOAD_URL,
    partition=PartitionKind.BILL_MONTH,
    merge=Merge.BY_CUSTOMER,
    key_parameter="Month",
    kind_parameter="CustomerUinType",
    fixed=MappingProxyType({"FileType": "billResourcePack", "FileLanguage": "en"}),
    file=files.CUSTOMER_RESOURCE,
    once_billed=True,
    cost="TotalCost",
    currency="Currency",
)

COMMISSION_FILES = Dataset(
    name="commission_files",
    action=commission.DESCRIBE_REBATE_DOWNLOAD_URL,
    partition=PartitionKind.BILL_MONTH,
    merge=Merge.BY_CUSTOMER,
    key_parameter="Month",
    fixed=MappingProxyType({"FileType": "CommissionDetail"}),
    file=files.COMMISSION,
    once_billed=True,
    cost="CommissionAmount",
    currency="Currency",
)

CUSTOMER_VOUCHER_USAGE = Dataset(
    name="customer_voucher_usage",
    action=voucher.DESCRIBE_CUSTOMER_VOUCHER_USAGE_DETAILS,
    partition=PartitionKind.BILL_MONTH,
    merge=Merge.BY_CUSTOMER,
    key_parameter="Month",
    customer_parameter="CustomerUin",
    each=Each.VOUCHER,
    each_parameter="VoucherId",
    cost="Amount",
)

OWN_BILL_DETAIL = Dataset(
    name="own_bill_detail",
    action=bill.DESCRIBE_BILL_DETAIL,
    partition=PartitionKind.BILL_MONTH,
    merge=Merge.BY_CUSTOMER,
    key_parameter="Month",
    cost="TotalCost",
    currency="Currency",
)

OWN_BILL_SUMMARY = Dataset(
    name="own_bill_summary",
    action=bill.DESCRIBE_BILL_SUMMARY,
    partition=PartitionKind.BILL_MONTH,
    merge=Merge.BY_CUSTOMER,
    key_parameter="Month",
    cost="TotalCost",
    variants=tuple(MappingProxyType({"GroupType": group}) for group in ("product", "project")),
    tag_variants=(MappingProxyType({"GroupType": "tag", "TagKey": (TAG_KEY,)}),),
)

OWN_BILL_DETAIL_FILES = Dataset(
    name="own_bill_detail_files",
    action=bill.DESCRIBE_BILL_DOWNLOAD_URL,
    partition=PartitionKind.BILL_MONTH,
    merge=Merge.BY_CUSTOMER,
    key_parameter="Month",
    fixed=MappingProxyType({"FileType": "L3"}),
    file=files.OWN_DETAIL,
    once_billed=True,
    cost="TotalCost",
    currency="Currency",
)

OWN_BILL_RESOURCE_FILES = Dataset(
    name="own_bill_resource_files",
    action=bill.DESCRIBE_BILL_DOWNLOAD_URL,
    partition=PartitionKind.BILL_MONTH,
    merge=Merge.BY_CUSTOMER,
    key_parameter="Month",
    fixed=MappingProxyType({"FileType": "L2"}),
    file=files.OWN_RESOURCE,
    once_billed=True,
    cost="TotalCost",
    currency="Currency",
)

OWN_VOUCHER_USAGE = Dataset(
    name="own_voucher_usage",
    action=voucher.DESCRIBE_CUSTOMER_OWN_VOUCHER_USAGE_DETAILS,
    partition=PartitionKind.BILL_MONTH,
    merge=Merge.BY_CUSTOMER,
    key_parameter="Month",
    each=Each.VOUCHER,
    each_parameter="VoucherId",
    cost="Amount",
)

OWN_COST_EXPLORER_FILTERS = Dataset(
    name="own_cost_explorer_filters",
    action=cost_explorer.DESCRIBE_CUSTOMER_OWN_COST_EXPLORER_FILTER,
    partition=PartitionKind.BILL_MONTH,
    merge=Merge.BY_CUSTOMER,
    span_parameters=("StartTime", "EndTime"),
    fixed=MappingProxyType({"PeriodType": "day"}),
)

OWN_COST_EXPLORER = Dataset(
    name="own_cost_explorer",
    action=cost_explorer.DESCRIBE_CUSTOMER_OWN_COST_EXPLORER_SUMMARY,
    partition=PartitionKind.BILL_MONTH,
    merge=Merge.BY_CUSTOMER,
    span_parameters=("StartTime", "EndTime"),
    fixed=MappingProxyType({"PeriodType": "day", "BillType": 1}),
    variants=tuple(
        MappingProxyType({"Dimension": dimension, "FeeType": fee}) for dimension, fee in product(_DIMENSIONS, _FEES)
    ),
    tag_variants=tuple(MappingProxyType({"Dimension": "Tag", "FeeType": fee, "TagKey": TAG_KEY}) for fee in _FEES),
)

CUSTOMER_INFO = Dataset(
    name="customer_info",
    action=customer.DESCRIBE_CUSTOMER_INFO,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
    each=Each.CUSTOMER,
    each_parameter="CustomerUin",
)

ACCOUNT_VERIFICATION = Dataset(
    name="account_verification",
    action=customer.QUERY_ACCOUNT_VERIFICATION_STATUS,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
    each=Each.CUSTOMER,
    customer_parameter="ClientUin",
)

SUB_AGENTS = Dataset(
    name="sub_agents",
    action=customer.QUERY_SUB_AGENTS_DETAIL_V2,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
    roles=DISTRIBUTORS,
)

INDIRECT_CUSTOMERS = Dataset(
    name="indirect_customers",
    action=customer.QUERY_T1_INDIRECT_CUSTOMERS_DETAIL,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
    each=Each.SUB_AGENT,
    each_parameter="SubAgentUin",
)

PENDING_CLIENTS = Dataset(
    name="pending_clients",
    action=customer.QUERY_PENDING_CLIENTS_V2,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
    roles=(),
)
"""Only accounts on an allow-list of the service may call this, says its text; which are, nobody can look up."""

PENDING_SUB_AGENTS = Dataset(
    name="pending_sub_agents",
    action=customer.QUERY_PENDING_SUB_AGENTS_V2,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
    roles=DISTRIBUTORS,
)

INVITATIONS = Dataset(
    name="invitations",
    action=customer.QUERY_INVITATION_INFO,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
    each=Each.INVITATION_TOKEN,
    each_parameter="InvitationToken",
)

PARTNER_CREDIT = Dataset(
    name="partner_credit",
    action=credit.QUERY_PARTNER_CREDIT,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
)

CUSTOMERS_CREDIT = Dataset(
    name="customers_credit",
    action=credit.QUERY_CUSTOMERS_CREDIT,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
)

DIRECT_CUSTOMERS_CREDIT = Dataset(
    name="direct_customers_credit",
    action=credit.QUERY_DIRECT_CUSTOMERS_CREDIT,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
)

CREDIT_BY_UIN = Dataset(
    name="credit_by_uin",
    action=credit.QUERY_CREDIT_BY_UIN_LIST,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
    each=Each.CUSTOMER,
    each_parameter="UinList",
)

CREDIT_ALLOCATION_HISTORY = Dataset(
    name="credit_allocation_history",
    action=credit.QUERY_CREDIT_ALLOCATION_HISTORY,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
    each=Each.CUSTOMER,
    customer_parameter="ClientUin",
)

OWN_BILLING_QUOTA = Dataset(
    name="own_billing_quota",
    action=credit.QUERY_CUSTOMER_BILLING_QUOTA,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
)

VOUCHER_POOL = Dataset(
    name="voucher_pool",
    action=voucher.QUERY_VOUCHER_POOL,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
)

VOUCHER_AMOUNTS = Dataset(
    name="voucher_amounts",
    action=voucher.QUERY_VOUCHER_AMOUNT_BY_UIN,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
    each=Each.CUSTOMER,
    each_parameter="ClientUins",
)

VOUCHER_LISTS = Dataset(
    name="voucher_lists",
    action=voucher.QUERY_VOUCHER_LIST_BY_UIN,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
    each=Each.CUSTOMER,
    each_parameter="ClientUins",
)

CUSTOMER_VOUCHERS = Dataset(
    name="customer_vouchers",
    action=voucher.DESCRIBE_CUSTOMER_VOUCHER_LIST,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
)

OWN_VOUCHERS = Dataset(
    name="own_vouchers",
    action=voucher.DESCRIBE_CUSTOMER_OWN_VOUCHER_LIST,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
)

POLICY_PRODUCTS = Dataset(
    name="policy_products",
    action=policy.QUERY_POLICY_PRODUCT_LIST_BY_CODE,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
    each=Each.POLICY_CODE,
    each_parameter="PolicyCode",
)

COUNTRY_CODES = Dataset(
    name="country_codes",
    action=customer.GET_COUNTRY_CODES,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
)

INDUSTRIES = Dataset(
    name="industries",
    action=customer.GET_TRADE_CONFIG_LIST,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
)

ALL = (
    CUSTOMERS,
    CUSTOMER_BILL_SUMMARY,
    BILL_SUMMARY_BY_PRODUCT,
    BILL_SUMMARY_BY_REGION,
    BILL_SUMMARY_BY_PAY_MODE,
    CUSTOMER_BILL_DETAIL,
    CUSTOMER_BILL_UNPAID,
    CUSTOMER_BILL_BY_DAY,
    CUSTOMER_BILL_DETAIL_FILES,
    CUSTOMER_BILL_RESOURCE_FILES,
    CUSTOMER_BILL_DETAIL_PACKS,
    CUSTOMER_BILL_RESOURCE_PACKS,
    COMMISSION_FILES,
    CUSTOMER_VOUCHER_USAGE,
    OWN_BILL_DETAIL,
    OWN_BILL_SUMMARY,
    OWN_BILL_DETAIL_FILES,
    OWN_BILL_RESOURCE_FILES,
    OWN_VOUCHER_USAGE,
    OWN_COST_EXPLORER_FILTERS,
    OWN_COST_EXPLORER,
    CUSTOMER_INFO,
    ACCOUNT_VERIFICATION,
    SUB_AGENTS,
    INDIRECT_CUSTOMERS,
    PENDING_CLIENTS,
    PENDING_SUB_AGENTS,
    INVITATIONS,
    PARTNER_CREDIT,
    CUSTOMERS_CREDIT,
    DIRECT_CUSTOMERS_CREDIT,
    CREDIT_BY_UIN,
    CREDIT_ALLOCATION_HISTORY,
    OWN_BILLING_QUOTA,
    VOUCHER_POOL,
    VOUCHER_AMOUNTS,
    VOUCHER_LISTS,
    CUSTOMER_VOUCHERS,
    OWN_VOUCHERS,
    POLICY_PRODUCTS,
    COUNTRY_CODES,
    INDUSTRIES,
)
