-- Which product a bill line's code and name mean, so that its months can be compared.
-- Grain: one row per code and name as seen together.
-- Older lines and files may lack codes, and names change: a name that was only ever seen with one
-- code means that code, and a code is called by its latest name.
with

component_costs as (
    select * from main.fct_monthly_component_costs
),

seen as (
    select
        product_code,
        product_name,
        max(bill_month) as last_bill_month
    from component_costs
    group by product_code, product_name
),

names_coded as (
    select
        product_name,
        max(product_code) as product_code
    from seen
    where product_code is not null and product_name is not null
    group by product_name
    having count(distinct product_code) = 1
),

matched as (
    select
        seen.product_code,
        seen.product_name,
        seen.last_bill_month,
        coalesce(seen.product_code, names_coded.product_code) as identified_code
    from seen
    left join names_coded on seen.product_name = names_coded.product_name
),

codes_named as (
    select
        identified_code,
        arg_max(product_name, last_bill_month || product_name) as identified_name
    from matched
    where identified_code is not null
    group by identified_code
),

final as (
    select
        matched.product_code,
        matched.product_name,
        matched.identified_code,
        coalesce(codes_named.identified_name, matched.product_name) as identified_name
    from matched
    left join codes_named on matched.identified_code = codes_named.identified_code
)

select * from final
