-- Which customers do several accounts have, and do their figures agree?
-- Several accounts have the same bill: one account counts it, and the bills must be equal.
select
    customer_uin,
    bill_month,
    requesting_accounts,
    counted_by_account,
    counted_rows,
    counted_cost,
    is_agreed
from rpt_shared_customers
where bill_month = getvariable('month')
order by counted_cost desc, customer_uin asc
