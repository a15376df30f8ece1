-- Monthly cost of each component, over all customers of an account or on the account's own bill.
-- Grain: one row per account, bill month, is_own_bill, component with its type, product and
-- subproduct, and currency.
-- Costs may be summed within one currency and one value of is_own_bill only.
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
    whole_sum(list_cost) as list_cost,
    sum(billed_cost) as billed_cost
from intermediate.int_bill_lines
group by all
