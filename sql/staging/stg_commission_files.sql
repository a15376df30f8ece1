-- Commission details of a month from the downloaded file, with types.
-- Grain: one row per row of the file; nothing is deduplicated, and a row may be a total.
-- No source lists the file's columns: look at other_columns before relying on any of them.
with

landed as (
    select * from raw.commission_files
),

-- An absent value is nothing, a dash or N/A; a zero date is no instant either. Commas go from a
-- number only where they group its thousands: the text as it stood is in `source`.
-- The rate stays as spelled: no source tells whether it is a ratio or a percentage.
renamed as (
    select
        _account as account,
        bill_month,
        nullif(nullif(nullif(trim(BillMonth), ''), '-'), 'N/A') as stated_bill_month,
        nullif(nullif(nullif(trim(CustomerUin), ''), '-'), 'N/A') as customer_uin,
        nullif(nullif(nullif(trim(CustomerName), ''), '-'), 'N/A') as customer_name,
        nullif(nullif(nullif(trim(ProductName), ''), '-'), 'N/A') as product_name,
        nullif(nullif(nullif(trim(SubProductName), ''), '-'), 'N/A') as subproduct_name,
        nullif(nullif(nullif(trim(BillingMode), ''), '-'), 'N/A') as pay_mode_name,
        nullif(nullif(nullif(trim(TransactionType), ''), '-'), 'N/A') as transaction_type,
        nullif(nullif(nullif(trim(CommissionRate), ''), '-'), 'N/A') as commission_rate,
        nullif(nullif(nullif(trim(TotalCost), ''), '-'), 'N/A') as billed_cost,
        nullif(nullif(nullif(trim(CommissionAmount), ''), '-'), 'N/A') as commission_amount,
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
        stated_bill_month,
        customer_uin,
        customer_name,
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
        other_columns,
        asked_part,
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
