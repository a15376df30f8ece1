-- No two monthly costs of own bills share all of their dimensions and currency.
-- Grain: one row per key that occurs more than once.
with

own_monthly_costs as (
    select * from main.fct_own_monthly_costs
),

final as (
    select
        account,
        bill_month,
        product_code,
        product_name,
        region_name,
        pay_mode_name,
        transaction_type,
        billing_currency,
        count(*) as row_count
    from own_monthly_costs
    group by
        account,
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
