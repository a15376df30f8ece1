-- No bill of a month has two rows in a currency.
-- Grain: one row per key that occurs more than once.
with

restatements as (
    select * from main.rpt_restatements
),

final as (
    select
        account,
        customer_uin,
        is_own_bill,
        bill_month,
        billing_currency,
        count(*) as row_count
    from restatements
    group by
        account,
        customer_uin,
        is_own_bill,
        bill_month,
        billing_currency
    having count(*) > 1
)

select * from final
