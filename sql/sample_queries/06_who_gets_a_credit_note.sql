-- Who gets a credit or debit note for a closed month?
-- Each kind of cost now and when the month was closed with `make close`. A customer's differences
-- add up to that of its bill.
select
    account,
    customer_uin,
    product_name,
    region_name,
    line_type,
    closed_cost,
    current_cost,
    difference,
    billing_currency
from rpt_restatement_lines
where bill_month = getvariable('month')
order by account asc, customer_uin asc, difference asc, product_name asc, region_name asc
