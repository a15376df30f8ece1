-- Customers whose bill lines are missing. Grain: one row per customer.
select
    months.account,
    months.customer_uin,
    months.reason
from main.rpt_reconciliation as months
anti join main.rpt_customer_statement as statements
    on
        months.account = statements.account and months.customer_uin = statements.customer_uin
        and months.bill_month = statements.bill_month
where
    months.bill_month = $month and coalesce(months.is_counted, true)
    and not (months.is_complete and months.is_reconciled)
order by months.account, months.customer_uin
