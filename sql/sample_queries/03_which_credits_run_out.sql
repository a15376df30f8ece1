-- Which credits run out this week?
-- Credits that last a week or less at the rate of the last days, or of which a quarter or less is
-- left. `level` is the service's own alert level.
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
