-- Amount of a month that a customer has not paid yet, as the service reports it.
-- Grain: one row per requested account, customer and bill month.
-- The amount is a JSON number, a double. Never add it to the bill, which includes it.
with

landed as (
    select * from raw.customer_bill_unpaid
),

renamed as (
    select
        _account as account,
        _customer_uin as customer_uin,
        bill_month,
        nullif(nullif(trim(TotalCost), ''), '-') as unpaid_cost,
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
        try_cast(unpaid_cost as decimal(38, 8)) as unpaid_cost,
        unpaid_cost as unpaid_cost_number,
        page_number,
        page_position,
        request_id,
        fetched_at,
        struct_pack(unpaid_cost := unpaid_cost) as source
    from renamed
)

select * from final
