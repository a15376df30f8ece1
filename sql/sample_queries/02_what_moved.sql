-- Which products moved the bill most, up or down?
-- All customers of an account together. A product is new or gone if no customer had it in one of
-- the two months.
select
    account,
    product_name,
    sum(previous_billed_cost) as previous_billed_cost,
    sum(billed_cost) as billed_cost,
    product_change_cost,
    product_driver,
    billing_currency
from rpt_month_over_month
where bill_month = getvariable('month')
group by account, product_name, product_change_cost, product_driver, billing_currency
order by abs(product_change_cost) desc, account asc, product_name asc
limit 10
