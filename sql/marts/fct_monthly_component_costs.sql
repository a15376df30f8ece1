-- Monthly cost of each component, over all customers of an account or on the account's own bill.
-- Grain: one row per account, bill month, is_own_bill, component with its type, product and
-- subproduct, and currency.
-- Costs may be summed within one currency and one value of is_own_bill only.
with

bill_lines as (
    select * from main.fct_bill_lines
),

own_lines as (
    select * from main.fct_own_bill_lines
),

lines as (
    select
        account,
        bill_month,
        false as is_own_bill,
        product_code,
        product_name,
        subproduct_code,
        subproduct_name,
        component_type_code,
        component_type_name,
        component_code,
        component_name,
        billing_currency,
        list_cost,
        billed_cost
    from bill_lines
    union all
    select
        account,
        bill_month,
        true as is_own_bill,
        product_code,
        product_name,
        subproduct_code,
        subproduct_name,
        component_type_code,
        component_type_name,
        component_code,
        component_name,
        billing_currency,
        list_cost,
        billed_cost
    from own_lines
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
        count(*) as line_count,
        case when count(list_cost) = count(*) then sum(list_cost) end as list_cost,
        sum(billed_cost) as billed_cost
    from lines
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
)

select * from final
