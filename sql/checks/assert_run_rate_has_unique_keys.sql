-- No two run rates share account, customer or own bill, month and currency.
-- Grain: one row per key that occurs more than once.
with

run_rates as (
    select * from main.rpt_daily_run_rate
),

final as (
    select
        account,
        is_own_bill,
        customer_uin,
        bill_month,
        billing_currency,
        count(*) as row_count
    from run_rates
    group by
        account,
        is_own_bill,
        customer_uin,
        bill_month,
        billing_currency
    having count(*) > 1
)

select * from final
