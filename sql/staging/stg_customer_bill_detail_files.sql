-- Bill lines of downloaded detailed bills, customers' own files and packs, with types and FOCUS
-- names.
-- Grain: one row per line of a file or pack; nothing is deduplicated.
-- The same money as the lines fetched page by page: sum one or the other, within one currency.
-- BusinessCode is the product and ProductCode the subproduct; ComponentCode is the type of
-- component and ItemCode the component.
with

-- A pack has the rows of many customers: each is its owner's.
landed as (
    select
        *,
        'customer_bill_detail_files' as source_dataset,
        _customer_uin as owner_uin
    from raw.customer_bill_detail_files
    union all by name
    select
        *,
        'customer_bill_detail_packs' as source_dataset,
        file_text(OwnerAccountId) as owner_uin
    from raw.customer_bill_detail_packs
)

select
    _account as account,
    owner_uin as customer_uin,
    source_dataset,
    bill_month,
    file_text(Id) as line_id,
    file_text(BillMonth) as stated_bill_month,
    file_text(PayerAccountId) as payer_account_id,
    file_text(OwnerAccountId) as owner_account_id,
    file_text(OperatorAccountId) as operator_account_id,
    file_text(ResellerAccountId) as reseller_account_id,
    file_text(BusinessCode) as product_code,
    file_text(ProductName) as product_name,
    file_text(ProductCode) as subproduct_code,
    file_text(SubProductName) as subproduct_name,
    file_text(ComponentCode) as component_type_code,
    file_text(ComponentType) as component_type_name,
    file_text(ItemCode) as component_code,
    file_text(ComponentName) as component_name,
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
    mask_emails(file_text(TagKeys)) as tag_keys,
    number(ComponentListPrice) as list_unit_price,
    file_text(ComponentPriceMeasurementUnit) as pricing_unit,
    quantity(ComponentUsage, ComponentUsageUnit) as consumed_quantity,
    unit(ComponentUsageUnit, ComponentUsage) as consumed_unit,
    quantity(UsageDuration, DurationUnit) as usage_duration,
    unit(DurationUnit, UsageDuration) as usage_duration_unit,
    quantity(RIDeductionDuration, DurationUnit) as ri_deduction_duration,
    money(RIDeductionCost) as ri_deduction_cost,
    ratio(CustomerDiscountRate) as customer_discount_rate,
    money(OriginalCost) as list_cost,
    money(TotalAmountBeforeVoucher) as contracted_cost,
    money(CustomerVoucherDeduction) as voucher_amount,
    money(TotalCost) as billed_cost,
    currency(Currency) as billing_currency,
    is_cost_unread(TotalCost, Currency) as is_cost_unread,
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
