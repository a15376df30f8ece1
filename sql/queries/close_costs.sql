-- The costs that a close keeps. Grain: one row per customer and kind of cost.
select
    account,
    customer_uin,
    false as is_own_bill,
    bill_month,
    product_code,
    product_name,
    region_name,
    pay_mode_name,
    transaction_type,
    billing_currency,
    sum(line_count)::bigint as line_count,
    sum(list_cost) as list_cost,
    sum(contracted_cost) as contracted_cost,
    sum(voucher_amount) as voucher_amount,
    sum(billed_cost) as billed_cost
from main.fct_monthly_costs
where bill_month = $month
group by all
union all by name
select
    account,
    true as is_own_bill,
    bill_month,
    product_code,
    product_name,
    region_name,
    pay_mode_name,
    transaction_type,
    billing_currency,
    sum(line_count)::bigint as line_count,
    sum(list_cost) as list_cost,
    sum(billed_cost) as billed_cost
from main.fct_own_monthly_costs
where bill_month = $month
group by all
order by all
