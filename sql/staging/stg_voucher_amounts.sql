-- Voucher amounts of the requested customers, by snapshot day.
-- Grain: one row per entry of an answer; each customer is requested once a day.
-- The API sends no currency here. Never sum across days, nor with single vouchers.
with

landed as (
    select * from raw.voucher_amounts
),

renamed as (
    select
        _account as account,
        nullif(nullif(trim(ClientUin), ''), '-') as customer_uin,
        try_cast(snapshot_date as date) as snapshot_date,
        nullif(nullif(trim(TotalAmount), ''), '-') as total_amount,
        nullif(nullif(trim(RemainAmount), ''), '-') as remaining_amount,
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
        snapshot_date,
        try_cast(total_amount as decimal(38, 8)) as total_amount,
        try_cast(remaining_amount as decimal(38, 8)) as remaining_amount,
        page_number,
        page_position,
        request_id,
        fetched_at,
        struct_pack(
            total_amount := total_amount,
            remaining_amount := remaining_amount
        ) as source
    from renamed
)

select * from final
