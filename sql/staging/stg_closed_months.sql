-- The months closed by `make close`, with the state of each account's bills at that time.
-- Grain: one row per closed bill month, account and is_own_bill.
-- A month that was never closed has no row, even if its bill was issued long ago.
with

closed as (
    select * from raw.closed_months
),

final as (
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
        try_cast(closed_at as timestamptz) as closed_at,
        closed_by,
        reason
    from closed
)

select * from final
