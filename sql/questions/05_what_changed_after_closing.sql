-- What did the service change after the month was out?
-- Bill lines that appeared, vanished or changed since the bill first landed complete, and what
-- that changed of the amount.
select
    account,
    customer_uin,
    appeared_line_count_since_close as appeared,
    vanished_line_count_since_close as vanished,
    changed_line_count_since_close as changed,
    change_cost_since_close,
    current_cost,
    billing_currency
from rpt_restatements
where
    bill_month = getvariable('month')
    and appeared_line_count_since_close + vanished_line_count_since_close
    + changed_line_count_since_close > 0
order by abs(change_cost_since_close) desc, account asc, customer_uin asc
