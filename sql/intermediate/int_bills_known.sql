-- Bills whose lines have landed, whether or not there are any.
-- Grain: one row per customer or own account, and bill month.
-- A closed bill that is not here is unknown, not nothing: its landed files are gone or unreadable.
select
    is_own_bill,
    coalesce(customer_uin, account) as bill_owner,
    bill_month
from intermediate.int_bills_first_landed
where dataset is not null
union
select
    is_own_bill,
    coalesce(customer_uin, account) as bill_owner,
    bill_month
from intermediate.int_monthly_costs
