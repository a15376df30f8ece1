-- What did vouchers pay?
-- Payments with vouchers that the service lists, by customer and product.
select
    account,
    customer_uin,
    product_name,
    count(*) as uses,
    count(distinct voucher_id) as vouchers,
    sum(used_amount) as used_amount
from fct_voucher_usage
where bill_month = getvariable('month')
group by account, customer_uin, product_name
order by used_amount desc, account asc, customer_uin asc, product_name asc
limit 10
