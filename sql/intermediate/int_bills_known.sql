-- Bills whose lines have landed, whether or not there are any.
-- Grain: one row per customer or own account, and bill month.
-- A closed bill that is not here is unknown, not nothing: its landed files are gone or unreadable,
-- or its request failed.
select
    false as is_own_bill,
    customer_uin as bill_owner,
    bill_month
from intermediate.int_customer_months_sourced
where line_source is not null and is_slice_landed(proof, landed_rows, proven_at)
union
select
    true as is_own_bill,
    account as bill_owner,
    bill_month
from intermediate.int_own_months_landed
where has_bill_detail
union
select
    is_own_bill,
    coalesce(customer_uin, account) as bill_owner,
    bill_month
from intermediate.int_monthly_costs
