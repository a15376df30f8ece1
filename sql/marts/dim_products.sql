-- Products, subproducts and components, by every code and name that a bill line had.
-- Grain: one row per combination of codes and names.
-- Names change over the years, and lines from files may lack codes: one code may be on several
-- rows.
with

component_costs as (
    select * from main.fct_monthly_component_costs
),

final as (
    select
        product_code,
        product_name,
        subproduct_code,
        subproduct_name,
        component_type_code,
        component_type_name,
        component_code,
        component_name,
        min(bill_month) as first_bill_month,
        max(bill_month) as last_bill_month,
        cast(sum(line_count) as bigint) as line_count
    from component_costs
    group by
        product_code,
        product_name,
        subproduct_code,
        subproduct_name,
        component_type_code,
        component_type_name,
        component_code,
        component_name
)

select * from final
