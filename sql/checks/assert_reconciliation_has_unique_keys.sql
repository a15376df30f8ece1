-- No customer and month of an account is reconciled twice.
-- Grain: one row per account, customer and bill month that occurs more than once.
with

reconciliation as (
    select * from main.rpt_reconciliation
),

final as (
    select
        account,
        customer_uin,
        bill_month,
        count(*) as row_count
    from reconciliation
    group by account, customer_uin, bill_month
    having count(*) > 1
)

select * from final
