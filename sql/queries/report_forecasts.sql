-- The cost of the open month at its end. Grain: one row per currency.
select
    billing_currency,
    min(as_of_date) as as_of_date,
    min(days_elapsed) as days_elapsed,
    max(days_in_month) as days_in_month,
    sum(forecast_cost) as forecast_cost,
    count(*) filter (where forecast_cost is null) as unknown,
    string_agg(distinct forecast_method, ' ' order by forecast_method) as method,
    sum(month_to_date_cost) as month_to_date_cost,
    sum(previous_month_to_date_cost) as previous_month_to_date_cost
from main.rpt_daily_run_rate
where account = $account and is_own_bill = $is_own_bill and bill_month = $month
group by all
