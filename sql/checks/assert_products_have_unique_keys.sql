-- No two products share all of their codes and names.
-- Grain: one row per key that occurs more than once.
with

products as (
    select * from main.dim_products
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
        count(*) as row_count
    from products
    group by
        product_code,
        product_name,
        subproduct_code,
        subproduct_name,
        component_type_code,
        component_type_name,
        component_code,
        component_name
    having count(*) > 1
)

select * from final
