-- What changed since the month before. Grain: one row per currency, customer and product.
select
    moved.billing_currency,
    customers.customer_name,
    moved.customer_uin,
    moved.product_name,
    moved.driver,
    moved.previous_billed_cost as previous_cost,
    moved.billed_cost,
    moved.change_cost,
    moved.is_comparable
from main.rpt_month_over_month as moved
left join main.dim_customers as customers
    on moved.account = customers.account and moved.customer_uin = customers.customer_uin
where
    moved.account = $account and moved.is_own_bill = $is_own_bill and moved.bill_month = $month
    and moved.change_cost <> 0
order by
    moved.billing_currency asc,
    abs(moved.change_cost) desc,
    moved.customer_uin,
    moved.product_name asc
