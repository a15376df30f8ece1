-- No customer or own bill of an account has a month twice.
-- Grain: one row per key that occurs more than once.
with

customer_months as (
    select * from main.dim_customer_months
),

final as (
    select
        account,
        customer_uin,
        is_own_bill,
        bill_month,
        count(*) as row_count
    from customer_months
    group by account, customer_uin, is_own_bill, bill_month
    having count(*) > 1
)

select * from final
