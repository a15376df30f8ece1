-- Unpaid amounts of the month and earlier ones by age. Grain: one row per currency and age bucket.
select
    billing_currency,
    age_bucket,
    sum(unpaid_cost) as unpaid_cost,
    count(distinct customer_uin) as customer_count,
    min(bill_month) as oldest_month
from main.rpt_receivables
where account = $account and bill_month <= $month and unpaid_cost is not null
group by billing_currency, age_bucket
order by billing_currency, min(age_days) nulls first
