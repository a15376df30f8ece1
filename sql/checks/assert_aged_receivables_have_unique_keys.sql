-- No customer and month of an account has two unpaid amounts.
-- Grain: one row per key that occurs more than once.
with

receivables as (
    select * from main.rpt_receivables
),

final as (
    select
        account,
        customer_uin,
        bill_month,
        count(*) as row_count
    from receivables
    group by account, customer_uin, bill_month
    having count(*) > 1
)

select * from final
