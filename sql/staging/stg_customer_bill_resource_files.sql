-- Downloaded bills by resource, customers' own files and packs, with types and FOCUS names.
-- Grain: one row per row of a file or pack, which is a resource; nothing is deduplicated.
-- The same money as bill lines, at 2 decimals: never add it to them, and expect it to differ.
with

-- A pack has the rows of many customers: each is its owner's.
landed as (
    select
        *,
        'customer_bill_resource_files' as source_dataset,
        _customer_uin as owner_uin
    from raw.customer_bill_resource_files
    union all by name
    select
        *,
        'customer_bill_resource_packs' as source_dataset,
        file_text(OwnerAccountId) as owner_uin
    from raw.customer_bill_resource_packs
)

select
    _account as account,
    owner_uin as customer_uin,
    source_dataset,
    bill_month,
    file_text(BillMonth) as stated_bill_month,
    file_text(PayerAccountId) as payer_account_id,
    file_text(OwnerAccountId) as owner_account_id,
    file_text(OperatorAccountId) as operator_account_id,
    file_text(ProductName) as product_name,
    file_text(SubProductName) as subproduct_name,
    file_text(BillingMode) as pay_mode_name,
    file_text(TransactionType) as transaction_type,
    file_text(TransactionId) as transaction_id,
    instant(TransactionTime) as transaction_at,
    instant(UsageStartTime) as usage_start_at,
    instant(UsageEndTime) as usage_end_at,
    mask_emails(file_text(ProjectName)) as project_name,
    file_text(region(Region)) as region_name,
    file_text(AvailabilityZone) as availability_zone,
    file_text(InstanceId) as resource_id,
    mask_emails(file_text(InstanceName)) as resource_name,
    file_text(InstanceType) as resource_type,
    ratio(CustomerDiscountRate) as customer_discount_rate,
    money(OriginalCost) as list_cost,
    money(TotalAmountBeforeVoucher) as contracted_cost,
    money(CustomerVoucherDeduction) as voucher_amount,
    money(TotalCost) as billed_cost,
    currency(Currency) as billing_currency,
    file_text(PaymentStatus) as payment_status,
    mask_emails(_extra) as other_columns,
    _slice_params as slice_params,
    split_part(_file, '/', 1) as file_digest,
    nullif(substr(_file, length(split_part(_file, '/', 1)) + 2), '') as file_member,
    _page as page_number,
    _position as page_position,
    _request_id as request_id,
    _fetched_at as fetched_at
from landed
