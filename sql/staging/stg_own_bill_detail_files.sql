-- Bill lines of an end customer's own downloaded bill, with types and FOCUS names.
-- Grain: one row per line of the file; nothing is deduplicated.
-- The same money as the lines asked page by page: sum one or the other, within one currency.
with

landed as (
    select * from raw.own_bill_detail_files
),

-- An absent value is nothing, a dash or N/A; a zero date is no instant either. Commas go from a
-- number only where they group its thousands: the text as it stood is in `source`.
-- BusinessCode is the product and ProductCode the subproduct; ComponentCode is the type of
-- component and ItemCode the component, as in bill lines.
-- Rates stay as spelled: no source tells whether they are ratios or percentages.
renamed as (
    select
        _account as account,
        bill_month,
        nullif(nullif(nullif(trim(Id), ''), '-'), 'N/A') as line_id,
        nullif(nullif(nullif(trim(BillMonth), ''), '-'), 'N/A') as stated_bill_month,
        nullif(nullif(nullif(trim(PayerAccountId), ''), '-'), 'N/A') as payer_account_id,
        nullif(nullif(nullif(trim(OwnerAccountId), ''), '-'), 'N/A') as owner_account_id,
        nullif(nullif(nullif(trim(OperatorAccountId), ''), '-'), 'N/A') as operator_account_id,
        nullif(nullif(nullif(trim(BusinessCode), ''), '-'), 'N/A') as product_code,
        nullif(nullif(nullif(trim(ProductName), ''), '-'), 'N/A') as product_name,
        nullif(nullif(nullif(trim(ProductCode), ''), '-'), 'N/A') as subproduct_code,
        nullif(nullif(nullif(trim(SubProductName), ''), '-'), 'N/A') as subproduct_name,
        nullif(nullif(nullif(trim(ComponentCode), ''), '-'), 'N/A') as component_type_code,
        nullif(nullif(nullif(trim(ComponentType), ''), '-'), 'N/A') as component_type_name,
        nullif(nullif(nullif(trim(ItemCode), ''), '-'), 'N/A') as component_code,
        nullif(nullif(nullif(trim(ComponentName), ''), '-'), 'N/A') as component_name,
        nullif(nullif(nullif(trim(BillingMode), ''), '-'), 'N/A') as pay_mode_name,
        nullif(nullif(nullif(trim(TransactionType), ''), '-'), 'N/A') as transaction_type,
        nullif(nullif(nullif(trim(TransactionId), ''), '-'), 'N/A') as transaction_id,
        nullif(
            nullif(nullif(nullif(trim(TransactionTime), ''), '-'), 'N/A'), '0000-00-00 00:00:00'
        ) as transaction_at,
        nullif(
            nullif(nullif(nullif(trim(UsageStartTime), ''), '-'), 'N/A'), '0000-00-00 00:00:00'
        ) as usage_start_at,
        nullif(
            nullif(nullif(nullif(trim(UsageEndTime), ''), '-'), 'N/A'), '0000-00-00 00:00:00'
        ) as usage_end_at,
        nullif(nullif(nullif(trim(ProjectName), ''), '-'), 'N/A') as project_name,
        -- Region names carry no-break spaces, some of them broken (document 1085/56859).
        nullif(
            nullif(
                nullif(trim(replace(replace(Region, 'Â' || chr(160), ' '), chr(160), ' ')), ''), '-'
            ),
            'N/A'
        ) as region_name,
        nullif(nullif(nullif(trim(AvailabilityZone), ''), '-'), 'N/A') as availability_zone,
        nullif(nullif(nullif(trim(InstanceId), ''), '-'), 'N/A') as resource_id,
        nullif(nullif(nullif(trim(InstanceName), ''), '-'), 'N/A') as resource_name,
        nullif(nullif(nullif(trim(InstanceType), ''), '-'), 'N/A') as resource_type,
        nullif(nullif(nullif(trim(ComponentListPrice), ''), '-'), 'N/A') as list_unit_price,
        nullif(
            nullif(nullif(trim(ComponentContractedPrice), ''), '-'), 'N/A'
        ) as contracted_unit_price,
        nullif(nullif(nullif(trim(ComponentPriceMeasurementUnit), ''), '-'), 'N/A') as pricing_unit,
        nullif(nullif(nullif(trim(ComponentUsage), ''), '-'), 'N/A') as consumed_quantity,
        nullif(nullif(nullif(trim(ComponentUsageUnit), ''), '-'), 'N/A') as consumed_unit,
        nullif(nullif(nullif(trim(UsageDuration), ''), '-'), 'N/A') as usage_duration,
        nullif(nullif(nullif(trim(DurationUnit), ''), '-'), 'N/A') as usage_duration_unit,
        nullif(nullif(nullif(trim(RIDeductionDuration), ''), '-'), 'N/A') as ri_deduction_duration,
        nullif(nullif(nullif(trim(RIDeductionCost), ''), '-'), 'N/A') as ri_deduction_cost,
        nullif(nullif(nullif(trim(SPDeduction), ''), '-'), 'N/A') as sp_deduction,
        nullif(nullif(nullif(trim(SPDeductionRate), ''), '-'), 'N/A') as sp_deduction_rate,
        nullif(nullif(nullif(trim(SPDeductionCost), ''), '-'), 'N/A') as sp_deduction_cost,
        nullif(nullif(nullif(trim(DiscountMultiplier), ''), '-'), 'N/A') as discount_multiplier,
        nullif(
            nullif(nullif(trim(BlendedDiscountMultiplier), ''), '-'), 'N/A'
        ) as blended_discount_multiplier,
        nullif(nullif(nullif(trim(TaxRate), ''), '-'), 'N/A') as tax_rate,
        nullif(nullif(nullif(trim(TaxAmount), ''), '-'), 'N/A') as tax_amount,
        nullif(nullif(nullif(trim(AmountBeforeTax), ''), '-'), 'N/A') as cost_before_tax,
        nullif(nullif(nullif(trim(OriginalCost), ''), '-'), 'N/A') as list_cost,
        nullif(nullif(nullif(trim(TotalAmountAfterDiscount), ''), '-'), 'N/A') as contracted_cost,
        nullif(nullif(nullif(trim(VoucherDeduction), ''), '-'), 'N/A') as voucher_amount,
        nullif(nullif(nullif(trim(TotalCost), ''), '-'), 'N/A') as billed_cost,
        nullif(nullif(nullif(trim(Currency), ''), '-'), 'N/A') as billing_currency,
        _extra as other_columns,
        _asked as asked_part,
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
        bill_month,
        line_id,
        stated_bill_month,
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
        project_name,
        region_name,
        availability_zone,
        resource_id,
        resource_name,
        resource_type,
        coalesce(
            try_cast(list_unit_price as decimal(38, 18)),
            case
                when regexp_full_match(list_unit_price, '-?\d{1,3}(,\d{3})+([.]\d*)?')
                    then try_cast(replace(list_unit_price, ',', '') as decimal(38, 18))
            end
        ) as list_unit_price,
        coalesce(
            try_cast(contracted_unit_price as decimal(38, 18)),
            case
                when regexp_full_match(contracted_unit_price, '-?\d{1,3}(,\d{3})+([.]\d*)?')
                    then try_cast(replace(contracted_unit_price, ',', '') as decimal(38, 18))
            end
        ) as contracted_unit_price,
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
        sp_deduction,
        sp_deduction_rate,
        coalesce(
            try_cast(sp_deduction_cost as decimal(38, 8)),
            case
                when regexp_full_match(sp_deduction_cost, '-?\d{1,3}(,\d{3})+([.]\d*)?')
                    then try_cast(replace(sp_deduction_cost, ',', '') as decimal(38, 8))
            end
        ) as sp_deduction_cost,
        discount_multiplier,
        blended_discount_multiplier,
        tax_rate,
        coalesce(
            try_cast(tax_amount as decimal(38, 8)),
            case
                when regexp_full_match(tax_amount, '-?\d{1,3}(,\d{3})+([.]\d*)?')
                    then try_cast(replace(tax_amount, ',', '') as decimal(38, 8))
            end
        ) as tax_amount,
        coalesce(
            try_cast(cost_before_tax as decimal(38, 8)),
            case
                when regexp_full_match(cost_before_tax, '-?\d{1,3}(,\d{3})+([.]\d*)?')
                    then try_cast(replace(cost_before_tax, ',', '') as decimal(38, 8))
            end
        ) as cost_before_tax,
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
        other_columns,
        asked_part,
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
            contracted_unit_price := contracted_unit_price,
            consumed_quantity := consumed_quantity,
            usage_duration := usage_duration,
            ri_deduction_duration := ri_deduction_duration,
            ri_deduction_cost := ri_deduction_cost,
            sp_deduction_cost := sp_deduction_cost,
            tax_amount := tax_amount,
            cost_before_tax := cost_before_tax,
            list_cost := list_cost,
            contracted_cost := contracted_cost,
            voucher_amount := voucher_amount,
            billed_cost := billed_cost
        ) as source
    from renamed
)

select * from final
