-- No two monthly costs share all of their dimensions and currency.
-- Grain: one row per key that occurs more than once.
with

monthly_costs as (
    select * from main.fct_monthly_costs
),

final as (
    select
        account,
        customer_uin,
        bill_month,
        product_code,
        product_name,
        region_name,
        pay_mode_name,
        transaction_type,
        billing_currency,
        count(*) as row_count
    from monthly_costs
    group by
        account,
        customer_uin,
        bill_month,
        product_code,
        product_name,
        region_name,
        pay_mode_name,
        transaction_type,
        billing_currency
    having count(*) > 1
)

select * from final
