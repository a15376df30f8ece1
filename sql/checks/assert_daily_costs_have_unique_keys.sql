-- No two daily costs share account, customer, bill month and day.
-- Grain: one row per key that occurs more than once.
with

daily_costs as (
    select * from main.fct_daily_costs
),

final as (
    select
        account,
        customer_uin,
        bill_month,
        bill_date,
        count(*) as row_count
    from daily_costs
    group by account, customer_uin, bill_month, bill_date
    having count(*) > 1
)

select * from final
