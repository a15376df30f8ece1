-- Who has not paid, and for how long?
-- Unpaid amounts of all issued months by the age of the bill.
select
    account,
    age_bucket,
    count(distinct customer_uin) as customers,
    sum(billed_cost) as billed_cost,
    sum(unpaid_cost) as unpaid_cost,
    max(age_days) as oldest_days,
    billing_currency
from rpt_receivables
where unpaid_cost > 0
group by account, age_bucket, billing_currency
order by account asc, oldest_days desc
