-- No two unit prices share customer, month, component, region, pay mode, units and currency.
-- Grain: one row per key that occurs more than once.
with

unit_prices as (
    select * from main.rpt_unit_prices
),

final as (
    select
        account,
        customer_uin,
        bill_month,
        product_code,
        product_name,
        component_type_code,
        component_type_name,
        component_code,
        component_name,
        region_name,
        pay_mode_name,
        pricing_unit,
        consumed_unit,
        usage_duration_unit,
        billing_currency,
        count(*) as row_count
    from unit_prices
    group by
        account,
        customer_uin,
        bill_month,
        product_code,
        product_name,
        component_type_code,
        component_type_name,
        component_code,
        component_name,
        region_name,
        pay_mode_name,
        pricing_unit,
        consumed_unit,
        usage_duration_unit,
        billing_currency
    having count(*) > 1
)

select * from final
