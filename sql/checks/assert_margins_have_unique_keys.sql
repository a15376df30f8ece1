-- No two margins share account, customer, month and currency.
-- Grain: one row per key that occurs more than once.
with

margins as (
    select * from main.rpt_margin
),

final as (
    select
        account,
        customer_uin,
        bill_month,
        billing_currency,
        count(*) as row_count
    from margins
    group by
        account,
        customer_uin,
        bill_month,
        billing_currency
    having count(*) > 1
)

select * from final
