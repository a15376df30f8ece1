-- Commission details of a month from the downloaded file, with types.
-- Grain: one row per row of the file; nothing is deduplicated, and a row may be a total.
-- The file's columns are not documented: look at other_columns before you rely on any of them.
with

landed as (
    select * from raw.commission_files
),

-- An absent value is empty, a dash, N/A or a zero date. Commas are removed from a number only where
-- they group thousands; `source` keeps the original text.
-- The rate stays text: it is not documented whether it is a ratio or a percentage.
renamed as (
    select
        _account as account,
        bill_month,
        case
            when trim(BillMonth) not in ('', '-', 'N/A') then trim(BillMonth)
        end as stated_bill_month,
        case
            when trim(CustomerUin) not in ('', '-', 'N/A') then trim(CustomerUin)
        end as customer_uin,
        case
            when trim(CustomerName) not in ('', '-', 'N/A') then trim(CustomerName)
        end as customer_name,
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
            when trim(CommissionRate) not in ('', '-', 'N/A') then trim(CommissionRate)
        end as commission_rate,
        case when trim(TotalCost) not in ('', '-', 'N/A') then trim(TotalCost) end as billed_cost,
        case
            when trim(CommissionAmount) not in ('', '-', 'N/A') then trim(CommissionAmount)
        end as commission_amount,
        case
            when trim(Currency) not in ('', '-', 'N/A') then trim(Currency)
        end as billing_currency,
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
        bill_month,
        stated_bill_month,
        customer_uin,
        mask_texts(customer_name) as customer_name,
        product_name,
        subproduct_name,
        pay_mode_name,
        transaction_type,
        commission_rate,
        coalesce(
            try_cast(billed_cost as decimal(38, 8)),
            case
                when regexp_full_match(billed_cost, '-?\d{1,3}(,\d{3})+([.]\d*)?')
                    then try_cast(replace(billed_cost, ',', '') as decimal(38, 8))
            end
        ) as billed_cost,
        coalesce(
            try_cast(commission_amount as decimal(38, 8)),
            case
                when regexp_full_match(commission_amount, '-?\d{1,3}(,\d{3})+([.]\d*)?')
                    then try_cast(replace(commission_amount, ',', '') as decimal(38, 8))
            end
        ) as commission_amount,
        billing_currency,
        mask_emails(other_columns) as other_columns,
        slice_params,
        file_digest,
        file_member,
        page_number,
        page_position,
        request_id,
        fetched_at,
        struct_pack(billed_cost := billed_cost, commission_amount := commission_amount) as source
    from renamed
)

select * from final
