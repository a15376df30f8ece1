-- The months that were closed with `make close`, with what their accounts' bills were like then.
-- Grain: one row per bill month that was closed, account and whether it is the account's own bill.
-- A month that was not closed so has no row, however long its bill is out.
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
