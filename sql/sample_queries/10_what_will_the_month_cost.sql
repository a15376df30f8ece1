-- What will the open month cost?
-- Per account: what is billed so far, the estimate for the whole month, and how it was calculated.
-- It is an estimate, not a bill.
select
    account,
    bill_month,
    count(*) as bills,
    min(as_of_date) as as_of_date,
    sum(billed_cost) as billed_cost,
    sum(forecast_cost) as forecast_cost,
    sum(previous_month_cost) as previous_month_cost,
    max(forecast_method) as forecast_method,
    billing_currency
from rpt_daily_run_rate
where month_state = 'open'
group by account, bill_month, billing_currency
order by account asc, bill_month asc, billing_currency asc
