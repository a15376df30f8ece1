-- An end customer's own credit, by snapshot day.
-- Grain: one row per account and day.
-- Never sum across days, nor the remaining credit with the amounts held back.
with

landed as (
    select * from raw.own_billing_quota
),

renamed as (
    select
        _account as account,
        try_cast(snapshot_date as date) as snapshot_date,
        nullif(nullif(trim(TotalCredit), ''), '-') as total_credit,
        nullif(nullif(trim(RemainingCredit), ''), '-') as remaining_credit,
        nullif(nullif(trim(RemainingVoucher), ''), '-') as remaining_voucher_amount,
        nullif(nullif(trim(PrepayFrozen), ''), '-') as prepay_frozen_amount,
        nullif(nullif(trim(PostpayFrozen), ''), '-') as postpay_frozen_amount,
        nullif(nullif(trim(Force), ''), '-') as forced_status_code,
        _page as page_number,
        _position as page_position,
        _request_id as request_id,
        _fetched_at as fetched_at
    from landed
),

final as (
    select
        account,
        snapshot_date,
        try_cast(total_credit as decimal(38, 8)) as total_credit,
        try_cast(remaining_credit as decimal(38, 8)) as remaining_credit,
        try_cast(remaining_voucher_amount as decimal(38, 8)) as remaining_voucher_amount,
        try_cast(prepay_frozen_amount as decimal(38, 8)) as prepay_frozen_amount,
        try_cast(postpay_frozen_amount as decimal(38, 8)) as postpay_frozen_amount,
        -- The action's page names USD; the API sends no currency.
        'USD' as credit_currency,
        forced_status_code,
        page_number,
        page_position,
        request_id,
        fetched_at,
        struct_pack(
            total_credit := total_credit,
            remaining_credit := remaining_credit,
            remaining_voucher_amount := remaining_voucher_amount,
            prepay_frozen_amount := prepay_frozen_amount,
            postpay_frozen_amount := postpay_frozen_amount
        ) as source
    from renamed
)

select * from final
