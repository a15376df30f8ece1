-- The costs of a month that belong to no customer. Grain: one row per account and currency.
select
    account,
    billing_currency as currency,
    sum(line_count)::bigint as line_count,
    sum(billed_cost) as billed
from main.rpt_customer_statement
where bill_month = $month and customer_uin is null
group by all
order by account, currency
