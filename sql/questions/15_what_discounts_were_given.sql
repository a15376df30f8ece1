-- What discounts were given?
-- Per customer the list price, what discounts and vouchers took off it, and what is owed.
select
    account,
    customer_uin,
    sum(list_cost) as list_cost,
    sum(discount_amount) as discount_amount,
    sum(contracted_cost) as contracted_cost,
    sum(voucher_amount) as voucher_amount,
    sum(billed_cost) as billed_cost,
    round(
        sum(discount_amount)
        / nullif(sum(list_cost) filter (where discount_amount is not null), 0),
        4
    ) as discount_ratio,
    billing_currency
from rpt_customer_statement
where bill_month = getvariable('month')
group by account, customer_uin, billing_currency
order by discount_amount desc, account asc, customer_uin asc
limit 10
