-- What discounts were given?
-- Per customer: the list price, the discounts and vouchers taken off it, and what is owed. List
-- price and discount are empty where a line does not have its own.
select
    account,
    customer_uin,
    case when count(list_cost) = count(*) then sum(list_cost) end as list_cost,
    case when count(discount_amount) = count(*) then sum(discount_amount) end as discount_amount,
    case when count(contracted_cost) = count(*) then sum(contracted_cost) end as contracted_cost,
    sum(voucher_amount) as voucher_amount,
    sum(billed_cost) as billed_cost,
    case
        when count(discount_amount) = count(*)
            then round(sum(discount_amount) / nullif(sum(list_cost), 0), 4)
    end as discount_ratio,
    billing_currency
from rpt_customer_statement
where bill_month = getvariable('month')
group by account, customer_uin, billing_currency
order by discount_amount desc nulls last, account asc, customer_uin asc
limit 10
