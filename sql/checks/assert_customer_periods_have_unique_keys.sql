-- No two periods of a customer of an account begin on the same day.
-- Grain: one row per key that occurs more than once.
with

customer_periods as (
    select * from main.dim_customer_periods
),

final as (
    select
        account,
        customer_uin,
        valid_from_date,
        count(*) as row_count
    from customer_periods
    group by account, customer_uin, valid_from_date
    having count(*) > 1
)

select * from final
