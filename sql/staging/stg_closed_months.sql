-- The months closed by `make close`, with the state of each account's bills at that time.
-- Grain: one row per closed bill month, account and is_own_bill.
-- A month that was never closed has no row, even if its bill was issued long ago.
select
    path,
    digest,
    bill_month,
    account,
    is_own_bill,
    month_state,
    is_complete,
    is_reconciled,
    release_id,
    instant(closed_at) as closed_at,
    closed_by,
    reason
from raw.closed_months
