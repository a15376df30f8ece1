-- Credit of the requested customers, by snapshot day.
-- Grain: one row per entry of an answer; each customer is requested once a day.
-- Never sum across days, nor with the other two credit lists: it is the same credit.
with

landed as (
    select * from raw.credit_by_uin
),

renamed as (
    select
        _account as account,
        nullif(nullif(trim(Uin), ''), '-') as customer_uin,
        try_cast(snapshot_date as date) as snapshot_date,
        nullif(nullif(trim(TotalCredit), ''), '-') as total_credit,
        nullif(nullif(trim(RemainingCredit), ''), '-') as remaining_credit,
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
        try_cast(total_credit as decimal(38, 8)) as total_credit,
        try_cast(remaining_credit as decimal(38, 8)) as remaining_credit,
        -- In USD, which the API's documents name for partners' and customers' own credit.
        'USD' as credit_currency,
        page_number,
        page_position,
        request_id,
        fetched_at,
        struct_pack(
            total_credit := total_credit,
            remaining_credit := remaining_credit
        ) as source
    from renamed
)

select * from final
