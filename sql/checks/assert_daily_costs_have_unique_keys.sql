-- No customer of an account has two costs of a day.
-- Grain: one row per key that occurs more than once.
with

days as (
    select * from main.fct_daily_costs
),

final as (
    select
        account,
        customer_uin,
        bill_date,
        count(*) as row_count
    from days
    group by account, customer_uin, bill_date
    having count(*) > 1
)

select * from final
