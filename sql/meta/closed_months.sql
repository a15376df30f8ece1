-- Months that were closed with `make close`, with the state of each account's bills at that time.
-- Grain: one row per closed bill month, account and is_own_bill.
-- A month that was not closed has no row, even if its bill was issued long ago.
with

closed_months as (
    select * from staging.stg_closed_months
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
        closed_at,
        closed_by,
        reason
    from closed_months
)

select * from final
