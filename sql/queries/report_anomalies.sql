-- The month's unusual days. Grain: one row per currency, day, customer and product.
select
    found.billing_currency,
    found.usage_date,
    customers.customer_name,
    found.customer_uin,
    found.product_name,
    found.usage_cost,
    found.expected_cost,
    found.deviation_cost
from main.rpt_spend_anomalies as found
left join main.dim_customers as customers
    on found.account = customers.account and found.customer_uin = customers.customer_uin
where found.account = $account and found.is_own_bill = $is_own_bill and found.bill_month = $month
order by
    found.billing_currency asc,
    abs(found.deviation_cost) desc,
    found.usage_date,
    found.customer_uin asc
