"""All datasets: for each, the action that gives its rows and how its requests are filled in.

To add a dataset, add it here, with a `stg_` model, an answer of the sandbox and a fixture. Nothing else is needed.
"""

from __future__ import annotations

from itertools import product
from types import MappingProxyType

from pipelines.endpoints import bill, commission, cost_explorer, credit, customer, files, policy, voucher
from pipelines.endpoints.shapes import DISTRIBUTORS, TAG_KEY, Dataset, Merge, PartitionKind, SliceBy

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
"""What cost explorer can group by, apart from tags. `Default` is the total."""
_FEES = ("originalCost", "totalCost")

CUSTOMERS = Dataset(
    name="customers",
    description="Customers of the partner",
    action=customer.DESCRIBE_CUSTOMER_UIN,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
)

CUSTOMER_BILL_SUMMARY = Dataset(
    name="customer_bill_summary",
    description="Total cost of each customer's bill",
    action=bill.DESCRIBE_CUSTOMER_BILL_SUMMARY,
    partition=PartitionKind.BILL_MONTH,
    merge=Merge.BY_SLICE,
    key_parameter="Month",
    customer_parameter="CustomerUin",
    slice_by=SliceBy.CUSTOMER,
    cost="TotalCost",
    changed_if="customer_bill_by_day",
)

BILL_SUMMARY_BY_PRODUCT = Dataset(
    name="bill_summary_by_product",
    description="Cost of each customer's bill by product",
    action=bill.DESCRIBE_BILL_SUMMARY_BY_PRODUCT,
    partition=PartitionKind.BILL_MONTH,
    merge=Merge.BY_SLICE,
    key_parameter="BillMonth",
    customer_parameter="CustomerUin",
    slice_by=SliceBy.CUSTOMER,
    cost="TotalCost",
    changed_if="customer_bill_by_day",
)

BILL_SUMMARY_BY_REGION = Dataset(
    name="bill_summary_by_region",
    description="Cost of each customer's bill by region",
    action=bill.DESCRIBE_BILL_SUMMARY_BY_REGION,
    partition=PartitionKind.BILL_MONTH,
    merge=Merge.BY_SLICE,
    key_parameter="BillMonth",
    customer_parameter="CustomerUin",
    slice_by=SliceBy.CUSTOMER,
    cost="TotalCost",
    changed_if="customer_bill_by_day",
)

BILL_SUMMARY_BY_PAY_MODE = Dataset(
    name="bill_summary_by_pay_mode",
    description="Cost of each customer's bill by pay mode",
    action=bill.DESCRIBE_BILL_SUMMARY_BY_PAY_MODE,
    partition=PartitionKind.BILL_MONTH,
    merge=Merge.BY_SLICE,
    key_parameter="BillMonth",
    customer_parameter="CustomerUin",
    slice_by=SliceBy.CUSTOMER,
    cost="TotalCost",
    changed_if="customer_bill_by_day",
)

CUSTOMER_BILL_DETAIL = Dataset(
    name="customer_bill_detail",
    description="Bill lines of each customer",
    action=bill.DESCRIBE_CUSTOMER_BILL_DETAIL,
    partition=PartitionKind.BILL_MONTH,
    merge=Merge.BY_SLICE,
    key_parameter="Month",
    customer_parameter="CustomerUin",
    slice_by=SliceBy.CUSTOMER,
    cost="TotalCost",
    currency="Currency",
    reconciled_with="customer_bill_summary",
    changed_if="customer_bill_by_day",
)

CUSTOMER_BILL_UNPAID = Dataset(
    name="customer_bill_unpaid",
    description="Unpaid amount of each customer's bill",
    action=bill.DESCRIBE_CUSTOMER_BILL_SUMMARY,
    partition=PartitionKind.BILL_MONTH,
    merge=Merge.BY_SLICE,
    key_parameter="Month",
    customer_parameter="CustomerUin",
    slice_by=SliceBy.CUSTOMER,
    cost="TotalCost",
    fixed=MappingProxyType({"IsConfirmed": "2"}),
    needs_issued_bill=True,
    requested_if_cost="customer_bill_summary",
)
"""Amounts that customers have not paid yet (`IsConfirmed` 2). That total minus unpaid is paid, is inferred."""

CUSTOMER_BILL_BY_DAY = Dataset(
    name="customer_bill_by_day",
    description="Cost of each customer on one day",
    action=bill.DESCRIBE_CUSTOMER_BILL_DETAIL_BY_DAY,
    partition=PartitionKind.BILL_DATE,
    merge=Merge.BY_SLICE,
    key_parameter="Date",
    customer_parameter="CustomerUin",
    slice_by=SliceBy.CUSTOMER,
    cost="TotalCost",
)

CUSTOMER_BILL_DETAIL_FILES = Dataset(
    name="customer_bill_detail_files",
    description="Bill lines in each customer's downloaded bill file",
    action=bill.DESCRIBE_CUSTOMER_BILL_DOWNLOAD_URL,
    partition=PartitionKind.BILL_MONTH,
    merge=Merge.BY_SLICE,
    key_parameter="Month",
    customer_parameter="CustomerUin",
    kind_parameter="CustomerUinType",
    slice_by=SliceBy.CUSTOMER,
    fixed=MappingProxyType({"FileType": "billDetail", "FileLanguage": "en"}),
    file=files.CUSTOMER_DETAIL,
    needs_issued_bill=True,
    cost="TotalCost",
    currency="Currency",
    requested_if_rows="bill_summary_by_product",
)

CUSTOMER_BILL_RESOURCE_FILES = Dataset(
    name="customer_bill_resource_files",
    description="Resource costs in each customer's downloaded bill file",
    action=bill.DESCRIBE_CUSTOMER_BILL_DOWNLOAD_URL,
    partition=PartitionKind.BILL_MONTH,
    merge=Merge.BY_SLICE,
    key_parameter="Month",
    customer_parameter="CustomerUin",
    kind_parameter="CustomerUinType",
    slice_by=SliceBy.CUSTOMER,
    fixed=MappingProxyType({"FileType": "billResource", "FileLanguage": "en"}),
    file=files.CUSTOMER_RESOURCE,
    needs_issued_bill=True,
    cost="TotalCost",
    currency="Currency",
    requested_if_rows="bill_summary_by_product",
)

CUSTOMER_BILL_DETAIL_PACKS = Dataset(
    name="customer_bill_detail_packs",
    description="Bill lines of all customers in one downloaded archive",
    action=bill.DESCRIBE_CUSTOMER_BILL_DOWNLOAD_URL,
    partition=PartitionKind.BILL_MONTH,
    merge=Merge.BY_SLICE,
    key_parameter="Month",
    kind_parameter="CustomerUinType",
    fixed=MappingProxyType({"FileType": "billDetailPack", "FileLanguage": "en"}),
    file=files.CUSTOMER_DETAIL,
    needs_issued_bill=True,
    cost="TotalCost",
    currency="Currency",
)

CUSTOMER_BILL_RESOURCE_PACKS = Dataset(
    name="customer_bill_resource_packs",
    description="Resource costs of all customers in one downloaded archive",
    action=bill.DESCRIBE_CUSTOMER_BILL_DOWNLOAD_URL,
    partition=PartitionKind.BILL_MONTH,
    merge=Merge.BY_SLICE,
    key_parameter="Month",
    kind_parameter="CustomerUinType",
    fixed=MappingProxyType({"FileType": "billResourcePack", "FileLanguage": "en"}),
    file=files.CUSTOMER_RESOURCE,
    needs_issued_bill=True,
    cost="TotalCost",
    currency="Currency",
)

COMMISSION_FILES = Dataset(
    name="commission_files",
    description="Commission lines in the partner's downloaded file",
    action=commission.DESCRIBE_REBATE_DOWNLOAD_URL,
    partition=PartitionKind.BILL_MONTH,
    merge=Merge.BY_SLICE,
    key_parameter="Month",
    fixed=MappingProxyType({"FileType": "CommissionDetail"}),
    file=files.COMMISSION,
    needs_issued_bill=True,
    cost="CommissionAmount",
    currency="Currency",
)

CUSTOMER_VOUCHER_USAGE = Dataset(
    name="customer_voucher_usage",
    description="Amounts paid with each voucher of the partner's customers",
    action=voucher.DESCRIBE_CUSTOMER_VOUCHER_USAGE_DETAILS,
    partition=PartitionKind.BILL_MONTH,
    merge=Merge.BY_SLICE,
    key_parameter="Month",
    customer_parameter="CustomerUin",
    slice_by=SliceBy.VOUCHER,
    slice_by_parameter="VoucherId",
    cost="Amount",
)

OWN_BILL_DETAIL = Dataset(
    name="own_bill_detail",
    description="Bill lines of the account's own bill",
    action=bill.DESCRIBE_BILL_DETAIL,
    partition=PartitionKind.BILL_MONTH,
    merge=Merge.BY_SLICE,
    key_parameter="Month",
    cost="TotalCost",
    currency="Currency",
)

OWN_BILL_SUMMARY = Dataset(
    name="own_bill_summary",
    description="Cost of the account's own bill by product, project and tag",
    action=bill.DESCRIBE_BILL_SUMMARY,
    partition=PartitionKind.BILL_MONTH,
    merge=Merge.BY_SLICE,
    key_parameter="Month",
    cost="TotalCost",
    variants=tuple(MappingProxyType({"GroupType": group}) for group in ("product", "project")),
    tag_variants=(MappingProxyType({"GroupType": "tag", "TagKey": (TAG_KEY,)}),),
)

OWN_BILL_DETAIL_FILES = Dataset(
    name="own_bill_detail_files",
    description="Bill lines in the downloaded file of the account's own bill",
    action=bill.DESCRIBE_BILL_DOWNLOAD_URL,
    partition=PartitionKind.BILL_MONTH,
    merge=Merge.BY_SLICE,
    key_parameter="Month",
    fixed=MappingProxyType({"FileType": "L3"}),
    file=files.OWN_DETAIL,
    needs_issued_bill=True,
    cost="TotalCost",
    currency="Currency",
)

OWN_BILL_RESOURCE_FILES = Dataset(
    name="own_bill_resource_files",
    description="Resource costs in the downloaded file of the account's own bill",
    action=bill.DESCRIBE_BILL_DOWNLOAD_URL,
    partition=PartitionKind.BILL_MONTH,
    merge=Merge.BY_SLICE,
    key_parameter="Month",
    fixed=MappingProxyType({"FileType": "L2"}),
    file=files.OWN_RESOURCE,
    needs_issued_bill=True,
    cost="TotalCost",
    currency="Currency",
)

OWN_VOUCHER_USAGE = Dataset(
    name="own_voucher_usage",
    description="Amounts paid with each of the account's own vouchers",
    action=voucher.DESCRIBE_CUSTOMER_OWN_VOUCHER_USAGE_DETAILS,
    partition=PartitionKind.BILL_MONTH,
    merge=Merge.BY_SLICE,
    key_parameter="Month",
    slice_by=SliceBy.VOUCHER,
    slice_by_parameter="VoucherId",
    cost="Amount",
)

OWN_COST_EXPLORER_FILTERS = Dataset(
    name="own_cost_explorer_filters",
    description="Values that cost explorer can filter the account's own costs by",
    action=cost_explorer.DESCRIBE_CUSTOMER_OWN_COST_EXPLORER_FILTER,
    partition=PartitionKind.BILL_MONTH,
    merge=Merge.BY_SLICE,
    span_parameters=("StartTime", "EndTime"),
    fixed=MappingProxyType({"PeriodType": "day"}),
)

OWN_COST_EXPLORER = Dataset(
    name="own_cost_explorer",
    description="Daily costs of the account itself by each dimension of cost explorer",
    action=cost_explorer.DESCRIBE_CUSTOMER_OWN_COST_EXPLORER_SUMMARY,
    partition=PartitionKind.BILL_MONTH,
    merge=Merge.BY_SLICE,
    span_parameters=("StartTime", "EndTime"),
    fixed=MappingProxyType({"PeriodType": "day", "BillType": 1}),
    variants=tuple(
        MappingProxyType({"Dimension": dimension, "FeeType": fee}) for dimension, fee in product(_DIMENSIONS, _FEES)
    ),
    tag_variants=tuple(MappingProxyType({"Dimension": "Tag", "FeeType": fee, "TagKey": TAG_KEY}) for fee in _FEES),
)

CUSTOMER_INFO = Dataset(
    name="customer_info",
    description="Name, contact and status of each customer",
    action=customer.DESCRIBE_CUSTOMER_INFO,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
    slice_by=SliceBy.CUSTOMER,
    slice_by_parameter="CustomerUin",
)

ACCOUNT_VERIFICATION = Dataset(
    name="account_verification",
    description="Whether each customer's account is verified",
    action=customer.QUERY_ACCOUNT_VERIFICATION_STATUS,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
    slice_by=SliceBy.CUSTOMER,
    customer_parameter="ClientUin",
)

SUB_AGENTS = Dataset(
    name="sub_agents",
    description="Second-level resellers of the distributor",
    action=customer.QUERY_SUB_AGENTS_DETAIL_V2,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
    roles=DISTRIBUTORS,
)

INDIRECT_CUSTOMERS = Dataset(
    name="indirect_customers",
    description="Customers of each second-level reseller",
    action=customer.QUERY_T1_INDIRECT_CUSTOMERS_DETAIL,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
    slice_by=SliceBy.SUB_AGENT,
    slice_by_parameter="SubAgentUin",
)

PENDING_CLIENTS = Dataset(
    name="pending_clients",
    description="Open applications to become a customer of the partner",
    action=customer.QUERY_PENDING_CLIENTS_V2,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
    roles=(),
)
"""Its documentation says that only accounts on the service's allow-list may call it. The list is not public."""

PENDING_SUB_AGENTS = Dataset(
    name="pending_sub_agents",
    description="Open applications to become a second-level reseller of the distributor",
    action=customer.QUERY_PENDING_SUB_AGENTS_V2,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
    roles=DISTRIBUTORS,
)

INVITATIONS = Dataset(
    name="invitations",
    description="State of each invitation link named in the settings",
    action=customer.QUERY_INVITATION_INFO,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
    slice_by=SliceBy.INVITATION_TOKEN,
    slice_by_parameter="InvitationToken",
)

PARTNER_CREDIT = Dataset(
    name="partner_credit",
    description="Credit of the partner itself",
    action=credit.QUERY_PARTNER_CREDIT,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
)

CUSTOMERS_CREDIT = Dataset(
    name="customers_credit",
    description="Credit of every customer in the partner's list",
    action=credit.QUERY_CUSTOMERS_CREDIT,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
)

DIRECT_CUSTOMERS_CREDIT = Dataset(
    name="direct_customers_credit",
    description="Credit of each direct customer of the partner",
    action=credit.QUERY_DIRECT_CUSTOMERS_CREDIT,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
)

CREDIT_BY_UIN = Dataset(
    name="credit_by_uin",
    description="Credit of each customer, requested by UIN",
    action=credit.QUERY_CREDIT_BY_UIN_LIST,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
    slice_by=SliceBy.CUSTOMER,
    slice_by_parameter="UinList",
)

CREDIT_ALLOCATION_HISTORY = Dataset(
    name="credit_allocation_history",
    description="Allocations of credit to each customer so far",
    action=credit.QUERY_CREDIT_ALLOCATION_HISTORY,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
    slice_by=SliceBy.CUSTOMER,
    customer_parameter="ClientUin",
)

OWN_BILLING_QUOTA = Dataset(
    name="own_billing_quota",
    description="Credit of the end customer's account itself",
    action=credit.QUERY_CUSTOMER_BILLING_QUOTA,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
)

VOUCHER_POOL = Dataset(
    name="voucher_pool",
    description="Voucher quota of the partner",
    action=voucher.QUERY_VOUCHER_POOL,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
)

VOUCHER_AMOUNTS = Dataset(
    name="voucher_amounts",
    description="Voucher amounts of each customer",
    action=voucher.QUERY_VOUCHER_AMOUNT_BY_UIN,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
    slice_by=SliceBy.CUSTOMER,
    slice_by_parameter="ClientUins",
)

VOUCHER_LISTS = Dataset(
    name="voucher_lists",
    description="Vouchers of each customer, requested by UIN",
    action=voucher.QUERY_VOUCHER_LIST_BY_UIN,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
    slice_by=SliceBy.CUSTOMER,
    slice_by_parameter="ClientUins",
)

CUSTOMER_VOUCHERS = Dataset(
    name="customer_vouchers",
    description="Vouchers of the partner's customers",
    action=voucher.DESCRIBE_CUSTOMER_VOUCHER_LIST,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
)

OWN_VOUCHERS = Dataset(
    name="own_vouchers",
    description="Vouchers of the account itself",
    action=voucher.DESCRIBE_CUSTOMER_OWN_VOUCHER_LIST,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
)

POLICY_PRODUCTS = Dataset(
    name="policy_products",
    description="Products that each rebate policy named in the settings covers",
    action=policy.QUERY_POLICY_PRODUCT_LIST_BY_CODE,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
    slice_by=SliceBy.POLICY_CODE,
    slice_by_parameter="PolicyCode",
)

COUNTRY_CODES = Dataset(
    name="country_codes",
    description="Countries and regions with their codes",
    action=customer.GET_COUNTRY_CODES,
    partition=PartitionKind.SNAPSHOT_DATE,
    merge=Merge.WHOLE,
)

INDUSTRIES = Dataset(
    name="industries",
    description="Industries and their codes, for customer accounts",
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
