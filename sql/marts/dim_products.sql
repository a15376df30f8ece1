-- Products, subproducts and components, in every combination of codes and names on bill lines.
-- Grain: one row per combination of codes and names.
-- Names change over the years, and older lines and lines from files may lack codes, so one code may
-- be on several rows. They all have the same identified product, so that months can be compared.
with

component_costs as (
    select * from main.fct_monthly_component_costs
),

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
),

names_coded as (
    select
        product_name,
        max(product_code) as product_code
    from grouped
    where product_code is not null and product_name is not null
    group by product_name
    having count(distinct product_code) = 1
),

coded as (
    select
        grouped.product_code,
        grouped.product_name,
        grouped.subproduct_code,
        grouped.subproduct_name,
        grouped.component_type_code,
        grouped.component_type_name,
        grouped.component_code,
        grouped.component_name,
        grouped.first_bill_month,
        grouped.last_bill_month,
        grouped.line_count,
        coalesce(grouped.product_code, names_coded.product_code) as identified_product_code
    from grouped
    left join names_coded on grouped.product_name = names_coded.product_name
),

codes_named as (
    select
        identified_product_code,
        arg_max(product_name, last_bill_month || product_name) as product_name
    from coded
    where identified_product_code is not null
    group by identified_product_code
),

final as (
    select
        coded.product_code,
        coded.product_name,
        coded.identified_product_code,
        coalesce(codes_named.product_name, coded.product_name) as identified_product_name,
        coded.subproduct_code,
        coded.subproduct_name,
        coded.component_type_code,
        coded.component_type_name,
        coded.component_code,
        coded.component_name,
        coded.first_bill_month,
        coded.last_bill_month,
        coded.line_count
    from coded
    left join codes_named on coded.identified_product_code = codes_named.identified_product_code
)

select * from final
