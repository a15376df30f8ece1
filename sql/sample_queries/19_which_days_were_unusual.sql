-- Which days were unusual?
-- Days on which a customer spent far more or less on a product than the median of the days before.
-- `threshold_ratio` is the score above which a day is listed.
select
    account,
    customer_uin,
    usage_date,
    product_name,
    usage_cost,
    expected_cost,
    deviation_cost,
    round(score_ratio, 1) as score_ratio,
    threshold_ratio,
    billing_currency
from rpt_spend_anomalies
where bill_month = getvariable('month')
order by abs(deviation_cost) desc, account asc, customer_uin asc, usage_date asc, product_name asc
limit 10
