-- What is missing or stale, and how is it healed?
-- Every account, customer, month and list that is not as it should be, by the command that mends
-- it.
select
    account,
    dataset,
    bill_month,
    problem,
    count(*) as places,
    min(reason) as reason,
    heal_command
from rpt_coverage
group by account, dataset, bill_month, problem, heal_command
order by account asc, bill_month asc, dataset asc, problem asc
limit 15
