-- Customers whose credit runs low. Grain: one row per customer.
select
    customers.customer_name,
    risk.customer_uin,
    risk.level,
    risk.credit_currency,
    risk.total_credit,
    risk.remaining_credit,
    risk.remaining_ratio,
    risk.daily_burn_cost,
    risk.days_left,
    risk.as_of_date
from main.rpt_credit_risk as risk
left join main.dim_customers as customers
    on risk.account = customers.account and risk.customer_uin = customers.customer_uin
where risk.account = $account and (risk.level in ('25 %', '10 %', '0 %') or risk.days_left <= 7)
order by risk.remaining_ratio, risk.days_left, risk.customer_uin
