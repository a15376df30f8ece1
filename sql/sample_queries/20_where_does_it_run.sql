-- Which product runs in which region?
-- The month by product and region, most expensive first.
select
    account,
    product_name,
    region_name,
    count(distinct customer_uin) as customers,
    sum(line_count) as bill_lines,
    sum(billed_cost) as billed_cost,
    billing_currency
from fct_monthly_costs
where bill_month = getvariable('month')
group by account, product_name, region_name, billing_currency
order by billed_cost desc, account asc, product_name asc, region_name asc
limit 10
