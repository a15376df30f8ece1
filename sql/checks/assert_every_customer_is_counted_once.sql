-- No customer's bill of a month is counted from two accounts.
-- Grain: one row per customer and bill month with lines of two accounts.
with

monthly_costs as (
    select * from main.fct_monthly_costs
    where customer_uin is not null
),

final as (
    select
        customer_uin,
        bill_month,
        min(account) as first_account,
        max(account) as last_account
    from monthly_costs
    group by customer_uin, bill_month
    having min(account) <> max(account)
)

select * from final
