-- No two anomalies share account, customer or own bill, product, day and currency.
-- Grain: one row per key that occurs more than once.
with

anomalies as (
    select * from main.rpt_spend_anomalies
),

final as (
    select
        account,
        is_own_bill,
        customer_uin,
        product_code,
        product_name,
        usage_date,
        billing_currency,
        count(*) as row_count
    from anomalies
    group by
        account,
        is_own_bill,
        customer_uin,
        product_code,
        product_name,
        usage_date,
        billing_currency
    having count(*) > 1
)

select * from final
