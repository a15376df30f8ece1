-- A partner's own credit, by snapshot day.
-- Grain: one row per account and day.
-- Never sum across days, nor with the customers' credit, which is taken out of this.
with

landed as (
    select * from raw.partner_credit
),

renamed as (
    select
        _account as account,
        try_cast(snapshot_date as date) as snapshot_date,
        nullif(nullif(trim(TotalCredit), ''), '-') as total_credit,
        nullif(nullif(trim(AllocatedCredit), ''), '-') as allocated_credit,
        nullif(nullif(trim(RemainingCredit), ''), '-') as remaining_credit,
        nullif(nullif(trim(CustomerTotalCredit), ''), '-') as customer_total_credit,
        nullif(nullif(trim(CustomerRemainingCredit), ''), '-') as customer_remaining_credit,
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
        try_cast(allocated_credit as decimal(38, 8)) as allocated_credit,
        try_cast(remaining_credit as decimal(38, 8)) as remaining_credit,
        try_cast(customer_total_credit as decimal(38, 8)) as customer_total_credit,
        try_cast(customer_remaining_credit as decimal(38, 8)) as customer_remaining_credit,
        -- The action's page names USD; the API sends no currency.
        'USD' as credit_currency,
        page_number,
        page_position,
        request_id,
        fetched_at,
        struct_pack(
            total_credit := total_credit,
            allocated_credit := allocated_credit,
            remaining_credit := remaining_credit,
            customer_total_credit := customer_total_credit,
            customer_remaining_credit := customer_remaining_credit
        ) as source
    from renamed
)

select * from final
