-- Bill lines of the downloaded packs of all customers' detailed bills, with types and FOCUS names.
-- Grain: one row per line of the pack; nothing is deduplicated.
-- The same money as the lines fetched page by page: sum one or the other, within one currency.
with

landed as (
    select * from raw.customer_bill_detail_packs
),

-- An absent value is empty, a dash, N/A or a zero date. Commas are removed from a number only where
-- they group thousands; `source` keeps the original text.
-- BusinessCode is the product and ProductCode the subproduct; ComponentCode is the type of
-- component and ItemCode the component, as in bill lines.
renamed as (
    select
        _account as account,
        bill_month,
        case when trim(Id) not in ('', '-', 'N/A') then trim(Id) end as line_id,
        case
            when trim(BillMonth) not in ('', '-', 'N/A') then trim(BillMonth)
        end as stated_bill_month,
        case
            when trim(PayerAccountId) not in ('', '-', 'N/A') then trim(PayerAccountId)
        end as payer_account_id,
        case
            when trim(OwnerAccountId) not in ('', '-', 'N/A') then trim(OwnerAccountId)
        end as owner_account_id,
        case
            when trim(OperatorAccountId) not in ('', '-', 'N/A') then trim(OperatorAccountId)
        end as operator_account_id,
        case
            when trim(ResellerAccountId) not in ('', '-', 'N/A') then trim(ResellerAccountId)
        end as reseller_account_id,
        case
            when trim(BusinessCode) not in ('', '-', 'N/A') then trim(BusinessCode)
        end as product_code,
        case
            when trim(ProductName) not in ('', '-', 'N/A') then trim(ProductName)
        end as product_name,
        case
            when trim(ProductCode) not in ('', '-', 'N/A') then trim(ProductCode)
        end as subproduct_code,
        case
            when trim(SubProductName) not in ('', '-', 'N/A') then trim(SubProductName)
        end as subproduct_name,
        case
            when trim(ComponentCode) not in ('', '-', 'N/A') then trim(ComponentCode)
        end as component_type_code,
        case
            when trim(ComponentType) not in ('', '-', 'N/A') then trim(ComponentType)
        end as component_type_name,
        case when trim(ItemCode) not in ('', '-', 'N/A') then trim(ItemCode) end as component_code,
        case
            when trim(ComponentName) not in ('', '-', 'N/A') then trim(ComponentName)
        end as component_name,
        case
            when trim(BillingMode) not in ('', '-', 'N/A') then trim(BillingMode)
        end as pay_mode_name,
        case
            when trim(TransactionType) not in ('', '-', 'N/A') then trim(TransactionType)
        end as transaction_type,
        case
            when trim(TransactionId) not in ('', '-', 'N/A') then trim(TransactionId)
        end as transaction_id,
        case
            when
                trim(TransactionTime)
                not in ('', '-', 'N/A', '0000-00-00 00:00:00')
                then trim(TransactionTime)
        end as transaction_at,
        case
            when
                trim(UsageStartTime)
                not in ('', '-', 'N/A', '0000-00-00 00:00:00')
                then trim(UsageStartTime)
        end as usage_start_at,
        case
            when
                trim(UsageEndTime)
                not in ('', '-', 'N/A', '0000-00-00 00:00:00')
                then trim(UsageEndTime)
        end as usage_end_at,
        case
            when trim(ProjectName) not in ('', '-', 'N/A') then trim(ProjectName)
        end as project_name,
        -- Region names carry no-break spaces, some of them broken (document 1085/56859).
        case
            when
                trim(replace(replace(Region, 'Â' || chr(160), ' '), chr(160), ' '))
                not in ('', '-', 'N/A')
                then trim(replace(replace(Region, 'Â' || chr(160), ' '), chr(160), ' '))
        end as region_name,
        case
            when trim(AvailabilityZone) not in ('', '-', 'N/A') then trim(AvailabilityZone)
        end as availability_zone,
        case when trim(InstanceId) not in ('', '-', 'N/A') then trim(InstanceId) end as resource_id,
        case
            when trim(InstanceName) not in ('', '-', 'N/A') then trim(InstanceName)
        end as resource_name,
        case
            when trim(InstanceType) not in ('', '-', 'N/A') then trim(InstanceType)
        end as resource_type,
        case when trim(TagKeys) not in ('', '-', 'N/A') then trim(TagKeys) end as tag_keys,
        case
            when trim(ComponentListPrice) not in ('', '-', 'N/A') then trim(ComponentListPrice)
        end as list_unit_price,
        case
            when
                trim(ComponentPriceMeasurementUnit)
                not in ('', '-', 'N/A')
                then trim(ComponentPriceMeasurementUnit)
        end as pricing_unit,
        case
            when trim(ComponentUsage) not in ('', '-', 'N/A') then trim(ComponentUsage)
        end as consumed_quantity,
        case
            when trim(ComponentUsageUnit) not in ('', '-', 'N/A') then trim(ComponentUsageUnit)
        end as consumed_unit,
        case
            when trim(UsageDuration) not in ('', '-', 'N/A') then trim(UsageDuration)
        end as usage_duration,
        case
            when trim(DurationUnit) not in ('', '-', 'N/A') then trim(DurationUnit)
        end as usage_duration_unit,
        case
            when trim(RIDeductionDuration) not in ('', '-', 'N/A') then trim(RIDeductionDuration)
        end as ri_deduction_duration,
        case
            when trim(RIDeductionCost) not in ('', '-', 'N/A') then trim(RIDeductionCost)
        end as ri_deduction_cost,
        case
            when trim(CustomerDiscountRate) not in ('', '-', 'N/A') then trim(CustomerDiscountRate)
        end as customer_discount_rate,
        case
            when trim(OriginalCost) not in ('', '-', 'N/A') then trim(OriginalCost)
        end as list_cost,
        case
            when
                trim(TotalAmountBeforeVoucher)
                not in ('', '-', 'N/A')
                then trim(TotalAmountBeforeVoucher)
        end as contracted_cost,
        case
            when
                trim(CustomerVoucherDeduction)
                not in ('', '-', 'N/A')
                then trim(CustomerVoucherDeduction)
        end as voucher_amount,
        case when trim(TotalCost) not in ('', '-', 'N/A') then trim(TotalCost) end as billed_cost,
        case
            when trim(Currency) not in ('', '-', 'N/A') then trim(Currency)
        end as billing_currency,
        case
            when trim(PaymentStatus) not in ('', '-', 'N/A') then trim(PaymentStatus)
        end as payment_status,
        _extra as other_columns,
        _slice_params as slice_params,
        split_part(_file, '/', 1) as file_digest,
        nullif(substr(_file, length(split_part(_file, '/', 1)) + 2), '') as file_member,
        _page as page_number,
        _position as page_position,
        _request_id as request_id,
        _fetched_at as fetched_at
    from landed
),

final as (
    select
        account,
        owner_account_id as customer_uin,
        bill_month,
        line_id,
        stated_bill_month,
        payer_account_id,
        owner_account_id,
        operator_account_id,
        reseller_account_id,
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
        resource_type,
        mask_emails(tag_keys) as tag_keys,
        coalesce(
            try_cast(list_unit_price as decimal(38, 18)),
            case
                when regexp_full_match(list_unit_price, '-?\d{1,3}(,\d{3})+([.]\d*)?')
                    then try_cast(replace(list_unit_price, ',', '') as decimal(38, 18))
            end
        ) as list_unit_price,
        pricing_unit,
        coalesce(
            try_cast(consumed_quantity as decimal(38, 18)),
            case
                when regexp_full_match(consumed_quantity, '-?\d{1,3}(,\d{3})+([.]\d*)?')
                    then try_cast(replace(consumed_quantity, ',', '') as decimal(38, 18))
            end
        ) as consumed_quantity,
        consumed_unit,
        coalesce(
            try_cast(usage_duration as decimal(38, 18)),
            case
                when regexp_full_match(usage_duration, '-?\d{1,3}(,\d{3})+([.]\d*)?')
                    then try_cast(replace(usage_duration, ',', '') as decimal(38, 18))
            end
        ) as usage_duration,
        usage_duration_unit,
        coalesce(
            try_cast(ri_deduction_duration as decimal(38, 18)),
            case
                when regexp_full_match(ri_deduction_duration, '-?\d{1,3}(,\d{3})+([.]\d*)?')
                    then try_cast(replace(ri_deduction_duration, ',', '') as decimal(38, 18))
            end
        ) as ri_deduction_duration,
        coalesce(
            try_cast(ri_deduction_cost as decimal(38, 8)),
            case
                when regexp_full_match(ri_deduction_cost, '-?\d{1,3}(,\d{3})+([.]\d*)?')
                    then try_cast(replace(ri_deduction_cost, ',', '') as decimal(38, 8))
            end
        ) as ri_deduction_cost,
        coalesce(
            try_cast(customer_discount_rate as decimal(38, 18)),
            case
                when regexp_full_match(customer_discount_rate, '-?\d{1,3}(,\d{3})+([.]\d*)?')
                    then try_cast(replace(customer_discount_rate, ',', '') as decimal(38, 18))
            end
        ) as customer_discount_rate,
        coalesce(
            try_cast(list_cost as decimal(38, 8)),
            case
                when regexp_full_match(list_cost, '-?\d{1,3}(,\d{3})+([.]\d*)?')
                    then try_cast(replace(list_cost, ',', '') as decimal(38, 8))
            end
        ) as list_cost,
        coalesce(
            try_cast(contracted_cost as decimal(38, 8)),
            case
                when regexp_full_match(contracted_cost, '-?\d{1,3}(,\d{3})+([.]\d*)?')
                    then try_cast(replace(contracted_cost, ',', '') as decimal(38, 8))
            end
        ) as contracted_cost,
        coalesce(
            try_cast(voucher_amount as decimal(38, 8)),
            case
                when regexp_full_match(voucher_amount, '-?\d{1,3}(,\d{3})+([.]\d*)?')
                    then try_cast(replace(voucher_amount, ',', '') as decimal(38, 8))
            end
        ) as voucher_amount,
        coalesce(
            try_cast(billed_cost as decimal(38, 8)),
            case
                when regexp_full_match(billed_cost, '-?\d{1,3}(,\d{3})+([.]\d*)?')
                    then try_cast(replace(billed_cost, ',', '') as decimal(38, 8))
            end
        ) as billed_cost,
        billing_currency,
        payment_status,
        mask_emails(other_columns) as other_columns,
        slice_params,
        file_digest,
        file_member,
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
            ri_deduction_duration := ri_deduction_duration,
            ri_deduction_cost := ri_deduction_cost,
            customer_discount_rate := customer_discount_rate,
            list_cost := list_cost,
            contracted_cost := contracted_cost,
            voucher_amount := voucher_amount,
            billed_cost := billed_cost
        ) as source
    from renamed
)

select * from final
