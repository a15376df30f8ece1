-- What was refunded?
-- Bill lines below zero: refunds and corrections. They are included in the totals.
select
    account,
    customer_uin,
    product_name,
    transaction_type,
    count(*) as bill_lines,
    sum(billed_cost) as billed_cost,
    billing_currency
from fct_bill_lines
where bill_month = getvariable('month') and billed_cost < 0
group by account, customer_uin, product_name, transaction_type, billing_currency
order by billed_cost asc, account asc, customer_uin asc, product_name asc
limit 10
