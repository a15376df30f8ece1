-- Bill lines as landed, with types and FOCUS names: renamed and cast, nothing else.
-- Grain: one row per landed line; nothing is deduplicated, so a line_id may occur more than once.
-- Costs may be summed within one billing_currency only. `source` is for checks, not for analysis.
with

landed as (
    select * from raw.customer_bill_detail
),

-- The API sends an absent value as null, empty text, a dash or a zero date.
-- Its BusinessCode is the product and its ProductCode the subproduct; ComponentCode is the type of
-- component and ItemCode the component. DiscountRate is left out: the API has deprecated it.
renamed as (
    select
        _account as account,
        _customer_uin as customer_uin,
        bill_month,
        Id as line_id,
        nullif(nullif(trim(PayerAccountId), ''), '-') as payer_account_id,
        nullif(nullif(trim(OwnerAccountId), ''), '-') as owner_account_id,
        nullif(nullif(trim(OperatorAccountId), ''), '-') as operator_account_id,
        nullif(nullif(trim(BusinessCode), ''), '-') as product_code,
        nullif(nullif(trim(ProductName), ''), '-') as product_name,
        nullif(nullif(trim(ProductCode), ''), '-') as subproduct_code,
        nullif(nullif(trim(SubProductName), ''), '-') as subproduct_name,
        nullif(nullif(trim(ComponentCode), ''), '-') as component_type_code,
        nullif(nullif(trim(ComponentType), ''), '-') as component_type_name,
        nullif(nullif(trim(ItemCode), ''), '-') as component_code,
        nullif(nullif(trim(ComponentName), ''), '-') as component_name,
        nullif(nullif(trim(BillingMode), ''), '-') as pay_mode_name,
        nullif(nullif(trim(TransactionType), ''), '-') as transaction_type,
        nullif(nullif(trim(TransactionId), ''), '-') as transaction_id,
        nullif(
            nullif(nullif(trim(TransactionTime), ''), '-'), '0000-00-00 00:00:00'
        ) as transaction_at,
        nullif(
            nullif(nullif(trim(UsageStartTime), ''), '-'), '0000-00-00 00:00:00'
        ) as usage_start_at,
        nullif(
            nullif(nullif(trim(UsageEndTime), ''), '-'), '0000-00-00 00:00:00'
        ) as usage_end_at,
        nullif(nullif(trim(ProjectName), ''), '-') as project_name,
        -- Region names carry no-break spaces, some of them broken (document 1085/56859).
        nullif(
            nullif(trim(replace(replace(Region, 'Â' || chr(160), ' '), chr(160), ' ')), ''), '-'
        ) as region_name,
        nullif(nullif(trim(AvailabilityZone), ''), '-') as availability_zone,
        nullif(nullif(trim(InstanceId), ''), '-') as resource_id,
        nullif(nullif(trim(InstanceName), ''), '-') as resource_name,
        nullif(nullif(trim(ComponentListPrice), ''), '-') as list_unit_price,
        nullif(nullif(trim(ComponentPriceMeasurementUnit), ''), '-') as pricing_unit,
        nullif(nullif(trim(ComponentUsage), ''), '-') as consumed_quantity,
        nullif(nullif(trim(ComponentUsageUnit), ''), '-') as consumed_unit,
        nullif(nullif(trim(UsageDuration), ''), '-') as usage_duration,
        nullif(nullif(trim(DurationUnit), ''), '-') as usage_duration_unit,
        nullif(nullif(trim(CustomerDiscountRate), ''), '-') as customer_discount_rate,
        nullif(nullif(trim(OriginalCost), ''), '-') as list_cost,
        nullif(nullif(trim(TotalAmountAfterDiscount), ''), '-') as contracted_cost,
        nullif(nullif(trim(VoucherDeduction), ''), '-') as voucher_amount,
        nullif(nullif(trim(TotalCost), ''), '-') as billed_cost,
        nullif(nullif(trim(Currency), ''), '-') as billing_currency,
        _page as page_number,
        _position as page_position,
        _request_id as request_id,
        _fetched_at as fetched_at
    from landed
),

final as (
    select
        account,
        customer_uin,
        bill_month,
        line_id,
        payer_account_id,
        owner_account_id,
        operator_account_id,
        product_code,
        product_name,
        subproduct_code,
        subproduct_name,
        component_type_code,
        component_type_name,
        component_code,
        component_name,
        pay_mode_name,
        transaction_type,
        transaction_id,
        -- Times carry no offset and are in UTC+8.
        try_cast(transaction_at || '+08:00' as timestamptz) as transaction_at,
        try_cast(usage_start_at || '+08:00' as timestamptz) as usage_start_at,
        try_cast(usage_end_at || '+08:00' as timestamptz) as usage_end_at,
        mask_emails(project_name) as project_name,
        region_name,
        availability_zone,
        resource_id,
        mask_emails(resource_name) as resource_name,
        try_cast(list_unit_price as decimal(38, 18)) as list_unit_price,
        pricing_unit,
        try_cast(consumed_quantity as decimal(38, 18)) as consumed_quantity,
        consumed_unit,
        try_cast(usage_duration as decimal(38, 18)) as usage_duration,
        usage_duration_unit,
        try_cast(customer_discount_rate as decimal(38, 18)) as customer_discount_rate,
        try_cast(list_cost as decimal(38, 8)) as list_cost,
        try_cast(contracted_cost as decimal(38, 8)) as contracted_cost,
        try_cast(voucher_amount as decimal(38, 8)) as voucher_amount,
        try_cast(billed_cost as decimal(38, 8)) as billed_cost,
        billing_currency,
        page_number,
        page_position,
        request_id,
        fetched_at,
        struct_pack(
            transaction_at := transaction_at,
            usage_start_at := usage_start_at,
            usage_end_at := usage_end_at,
            list_unit_price := list_unit_price,
            consumed_quantity := consumed_quantity,
            usage_duration := usage_duration,
            customer_discount_rate := customer_discount_rate,
            list_cost := list_cost,
            contracted_cost := contracted_cost,
            voucher_amount := voucher_amount,
            billed_cost := billed_cost
        ) as source
    from renamed
)

select * from final
