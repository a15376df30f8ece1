-- What did the service change after the bill was issued?
-- Bill lines that appeared, vanished or changed since the issued bill first landed, and how much
-- that changed the amount.
select
    account,
    customer_uin,
    appeared_line_count_since_issue as appeared,
    vanished_line_count_since_issue as vanished,
    changed_line_count_since_issue as changed,
    change_cost_since_issue,
    current_cost,
    billing_currency
from rpt_restatements
where
    bill_month = getvariable('month')
    and appeared_line_count_since_issue + vanished_line_count_since_issue
    + changed_line_count_since_issue > 0
order by abs(change_cost_since_issue) desc, account asc, customer_uin asc
