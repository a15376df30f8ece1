-- No two monthly costs of components share all of their dimensions and currency.
-- Grain: one row per key that occurs more than once.
with

monthly_component_costs as (
    select * from main.fct_monthly_component_costs
),

final as (
    select
        account,
        bill_month,
        is_own_bill,
        product_code,
        product_name,
        subproduct_code,
        subproduct_name,
        component_type_code,
        component_type_name,
        component_code,
        component_name,
        billing_currency,
        count(*) as row_count
    from monthly_component_costs
    group by
        account,
        bill_month,
        is_own_bill,
        product_code,
        product_name,
        subproduct_code,
        subproduct_name,
        component_type_code,
        component_type_name,
        component_code,
        component_name,
        billing_currency
    having count(*) > 1
)

select * from final
