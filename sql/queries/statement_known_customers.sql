-- The customers that a release knows. Grain: one row per account.
select
    account,
    list(customer_uin) as customers
from main.dim_customers
group by account
order by account
