-- Customers of an account, by snapshot day.
-- Grain: one row per entry of an account's list. If the list changes between two pages,
-- a customer may occur twice.
-- Never count across days: every snapshot holds the customer again.
with

landed as (
    select * from raw.customers
),

final as (
    select
        _account as account,
        nullif(nullif(trim(CustomerUin), ''), '-') as customer_uin,
        try_cast(snapshot_date as date) as snapshot_date,
        _page as page_number,
        _position as page_position,
        _request_id as request_id,
        _fetched_at as fetched_at
    from landed
)

select * from final
