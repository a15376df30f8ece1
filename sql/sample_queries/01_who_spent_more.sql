-- Who spent more than in the month before, and on what?
-- The customers whose bill grew most, with the products that made it grow. An open month is
-- compared with the whole month before, so it shows what is billed so far.
select
    account,
    customer_uin,
    customer_change_cost,
    product_name,
    previous_billed_cost,
    billed_cost,
    change_cost,
    driver,
    billing_currency
from rpt_month_over_month
where
    bill_month = getvariable('month')
    and customer_change_cost > 0
    and change_cost > 0
order by customer_change_cost desc, account asc, customer_uin asc, change_cost desc
limit 10
