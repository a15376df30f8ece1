-- A customer's downloaded bill by resource, with types and FOCUS names.
-- Grain: one row per row of the file, which is a resource; nothing is deduplicated.
-- The same money as bill lines, at 2 decimals: never add it to them, and expect it to differ.
with

landed as (
    select * from raw.customer_bill_resource_files
),

-- An absent value is empty, a dash, N/A or a zero date. Commas are removed from a number only where
-- they group thousands; `source` keeps the original text.
renamed as (
    select
        _account as account,
        _customer_uin as customer_uin,
        bill_month,
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
            when trim(ProductName) not in ('', '-', 'N/A') then trim(ProductName)
        end as product_name,
        case
            when trim(SubProductName) not in ('', '-', 'N/A') then trim(SubProductName)
        end as subproduct_name,
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
        customer_uin,
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
        mask_emails(project_name) as project_name,
        region_name,
        availability_zone,
        resource_id,
        mask_emails(resource_name) as resource_name,
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
            customer_discount_rate := customer_discount_rate,
            list_cost := list_cost,
            contracted_cost := contracted_cost,
            voucher_amount := voucher_amount,
            billed_cost := billed_cost
        ) as source
    from renamed
)

select * from final
