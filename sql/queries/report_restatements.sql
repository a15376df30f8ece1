-- What was restated since the bill was issued. Grain: one row per currency.
select
    billing_currency,
    sum(
        appeared_line_count_since_issue
        + vanished_line_count_since_issue
        + changed_line_count_since_issue
    )::bigint as line_count,
    sum(change_cost_since_issue) as change_cost,
    max(last_changed_at) as last_changed_at,
    sum(difference) as difference
from main.rpt_restatements
where account = $account and is_own_bill = $is_own_bill and bill_month = $month
group by all
