-- No two daily product costs share account, customer, bill month, day, product and currency.
-- Grain: one row per key that occurs more than once.
with

daily_product_costs as (
    select * from main.fct_daily_product_costs
),

final as (
    select
        account,
        customer_uin,
        bill_month,
        usage_date,
        product_code,
        product_name,
        billing_currency,
        count(*) as row_count
    from daily_product_costs
    group by
        account,
        customer_uin,
        bill_month,
        usage_date,
        product_code,
        product_name,
        billing_currency
    having count(*) > 1
)

select * from final
