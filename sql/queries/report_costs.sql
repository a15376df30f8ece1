-- The costs of customers, or of an own bill, in the trend. Grain: as their tables.
select
    bill_month,
    billing_currency,
    customer_uin,
    product_name,
    region_name,
    pay_mode_name,
    line_count,
    list_cost,
    contracted_cost,
    voucher_amount,
    billed_cost
from main.fct_monthly_costs
where not $is_own_bill and account = $account and bill_month between $first_month and $month
union all by name
select
    bill_month,
    billing_currency,
    product_name,
    region_name,
    pay_mode_name,
    line_count,
    list_cost,
    billed_cost
from main.fct_own_monthly_costs
where $is_own_bill and account = $account and bill_month between $first_month and $month
