-- The state of a month's bills. Grain: one row per account and kind of bill.
select
    account,
    is_own_bill,
    month_state,
    is_complete,
    is_reconciled
from main.dim_bill_months
where bill_month = $month
order by account, is_own_bill
