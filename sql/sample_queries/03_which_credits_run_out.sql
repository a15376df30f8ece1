-- Which credits run out this week?
-- Credits that last a week or less at the pace of the last days, or of which less than a quarter
-- is left; `level` is the one at which the service itself warns.
select
    account,
    customer_uin,
    total_credit,
    remaining_credit,
    daily_burn_cost,
    days_left,
    level,
    as_of_date
from rpt_credit_risk
where days_left <= 7 or level <> 'above'
order by days_left asc nulls last, remaining_credit asc, account asc, customer_uin asc
