-- Run rates sum to the monthly costs of the same bills.
-- Grain: one row per account, customer or own bill, bill month and currency where they differ.
with

monthly_costs as (
    select * from main.fct_monthly_costs
),

own_monthly_costs as (
    select * from main.fct_own_monthly_costs
),

run_rates as (
    select * from main.rpt_daily_run_rate
),

-- The difference of both sides must be zero.
signed as (
    select
        account,
        customer_uin,
        false as is_own_bill,
        bill_month,
        billing_currency,
        billed_cost
    from monthly_costs
    union all
    select
        account,
        null as customer_uin,
        true as is_own_bill,
        bill_month,
        billing_currency,
        billed_cost
    from own_monthly_costs
    union all
    select
        account,
        customer_uin,
        is_own_bill,
        bill_month,
        billing_currency,
        -billed_cost as billed_cost
    from run_rates
),

final as (
    select
        account,
        customer_uin,
        is_own_bill,
        bill_month,
        billing_currency,
        sum(billed_cost) as difference
    from signed
    group by account, customer_uin, is_own_bill, bill_month, billing_currency
    having sum(billed_cost) <> 0
)

select * from final
