-- The service's own total per customer and month.
-- Grain: one row per account, customer and bill month.
-- The total is a JSON number: compare `billed_cost_number` as a double, never the decimal.
with

landed as (
    select * from raw.customer_bill_summary
),

renamed as (
    select
        _account as account,
        _customer_uin as customer_uin,
        bill_month,
        nullif(nullif(trim(TotalCost), ''), '-') as billed_cost,
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
        try_cast(billed_cost as decimal(38, 8)) as billed_cost,
        billed_cost as billed_cost_number,
        page_number,
        page_position,
        request_id,
        fetched_at,
        struct_pack(billed_cost := billed_cost) as source
    from renamed
)

select * from final
