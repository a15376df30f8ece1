-- The months that were closed, with what their accounts' bills were like then.
-- Grain: one row per bill month that was closed, account and whether it is the account's own bill.
-- A month that was not closed by `make close` has no row, however long its bill is out.
with

frozen as (
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
    from frozen
)

select * from final
