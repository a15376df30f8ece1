-- What is missing or old. Grain: one row per dataset, problem and reason.
select
    dataset,
    problem,
    reason,
    heal_command,
    count(distinct customer_uin) as customer_count,
    min(customer_uin) as customer_uin
from main.rpt_coverage
where account = $account and (bill_month = $month or bill_month is null)
group by all
order by dataset, problem, reason
