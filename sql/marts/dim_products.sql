-- Products, subproducts and components, in every combination of codes and names on bill lines.
-- Grain: one row per combination of codes and names.
-- Names change over the years, and older lines and lines from files may lack codes, so one code may
-- be on several rows. They all have the same identified product, so that months can be compared.
with

grouped as (
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
    from main.fct_monthly_component_costs
    group by all
),

names_coded as (
    select
        product_name,
        max(product_code) as known_code
    from grouped
    where product_name is not null
    group by all
    having count(distinct product_code) = 1
),

coded as (
    select
        grouped.*,
        coalesce(product_code, known_code) as identified_product_code
    from grouped
    left join names_coded using (product_name)
),

codes_named as (
    select
        identified_product_code,
        arg_max(product_name, last_bill_month || product_name) as latest_name
    from coded
    where identified_product_code is not null
    group by all
)

select
    coded.*,
    coalesce(latest_name, product_name) as identified_product_name
from coded
left join codes_named using (identified_product_code)
