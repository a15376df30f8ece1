-- What is missing or stale, and how is it fixed?
-- Every account, customer, month and list with a problem, by the command that fixes it.
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
