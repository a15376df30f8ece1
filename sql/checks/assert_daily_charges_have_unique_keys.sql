-- No two daily charges share customer or own bill, month, day, product, currency and is_usage.
-- Grain: one row per key that occurs more than once.
with

daily_charges as (
    select * from main.fct_daily_charges
),

final as (
    select
        account,
        customer_uin,
        is_own_bill,
        bill_month,
        charge_date,
        product_code,
        product_name,
        billing_currency,
        is_usage,
        count(*) as row_count
    from daily_charges
    group by
        account,
        customer_uin,
        is_own_bill,
        bill_month,
        charge_date,
        product_code,
        product_name,
        billing_currency,
        is_usage
    having count(*) > 1
)

select * from final
