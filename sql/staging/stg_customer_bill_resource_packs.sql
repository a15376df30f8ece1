-- The downloaded pack of all customers' bills by resource, with types and FOCUS names.
-- Grain: one row per row of the pack, which is a resource; nothing is deduplicated.
-- The same money as bill lines, at 2 decimals: never add it to them, and expect it to differ.
with

landed as (
    select * from raw.customer_bill_resource_packs
),

-- An absent value is nothing, a dash or N/A; a zero date is no instant either. Commas go from a
-- number only where they group its thousands: the text as it stood is in `source`.
renamed as (
    select
        _account as account,
        bill_month,
        nullif(nullif(nullif(trim(BillMonth), ''), '-'), 'N/A') as stated_bill_month,
        nullif(nullif(nullif(trim(PayerAccountId), ''), '-'), 'N/A') as payer_account_id,
        nullif(nullif(nullif(trim(OwnerAccountId), ''), '-'), 'N/A') as owner_account_id,
        nullif(nullif(nullif(trim(OperatorAccountId), ''), '-'), 'N/A') as operator_account_id,
        nullif(nullif(nullif(trim(ProductName), ''), '-'), 'N/A') as product_name,
        nullif(nullif(nullif(trim(SubProductName), ''), '-'), 'N/A') as subproduct_name,
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
        nullif(
            nullif(nullif(trim(CustomerDiscountRate), ''), '-'), 'N/A'
        ) as customer_discount_rate,
        nullif(nullif(nullif(trim(OriginalCost), ''), '-'), 'N/A') as list_cost,
        nullif(nullif(nullif(trim(TotalAmountBeforeVoucher), ''), '-'), 'N/A') as contracted_cost,
        nullif(nullif(nullif(trim(CustomerVoucherDeduction), ''), '-'), 'N/A') as voucher_amount,
        nullif(nullif(nullif(trim(TotalCost), ''), '-'), 'N/A') as billed_cost,
        nullif(nullif(nullif(trim(Currency), ''), '-'), 'N/A') as billing_currency,
        nullif(nullif(nullif(trim(PaymentStatus), ''), '-'), 'N/A') as payment_status,
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
        owner_account_id as customer_uin,
        bill_month,
        stated_bill_month,
        payer_account_id,
        owner_account_id,
        operator_account_id,
        product_name,
        subproduct_name,
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
            customer_discount_rate := customer_discount_rate,
            list_cost := list_cost,
            contracted_cost := contracted_cost,
            voucher_amount := voucher_amount,
            billed_cost := billed_cost
        ) as source
    from renamed
)

select * from final
