-- No two changes share account, month, currency, customer or own bill, and product.
-- Grain: one row per key that occurs more than once.
with

changes as (
    select * from main.rpt_month_over_month
),

final as (
    select
        account,
        is_own_bill,
        bill_month,
        billing_currency,
        customer_uin,
        product_code,
        product_name,
        count(*) as row_count
    from changes
    group by
        account,
        is_own_bill,
        bill_month,
        billing_currency,
        customer_uin,
        product_code,
        product_name
    having count(*) > 1
)

select * from final
