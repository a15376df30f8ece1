-- The service's own total per customer and day.
-- Grain: one row per account, customer and day.
-- What a day covers is not documented, so days need not sum to the month's bill. The API sends no
-- currency here.
with

landed as (
    select * from raw.customer_bill_by_day
),

renamed as (
    select
        _account as account,
        _customer_uin as customer_uin,
        bill_date,
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
        left(bill_date, 7) as bill_month,
        try_cast(bill_date as date) as bill_date,
        try_cast(billed_cost as decimal(38, 8)) as billed_cost,
        page_number,
        page_position,
        request_id,
        fetched_at,
        struct_pack(billed_cost := billed_cost) as source
    from renamed
)

select * from final
