-- Allocations of credit to customers.
-- Grain: one row per account, customer, time, amounts and occurrence.
-- The API sends the whole history every day; each allocation is here once. credit_change may be
-- summed within one account; two accounts may have the same customer.
with

-- An allocation has no id: its time and amounts identify it. Its row is from the last day with it.
ranked as (
    select
        *,
        row_number() over (
            partition by
                account,
                customer_uin,
                allocated_at,
                credit_change,
                total_credit_after,
                remaining_credit_after,
                snapshot_date
            order by page_number, page_position
        ) as occurrence,
        min(snapshot_date) over same_allocation as first_seen_date,
        max(snapshot_date) over same_allocation as last_seen_date
    from staging.stg_credit_allocation_history
    window
        same_allocation as (
            partition by
                account,
                customer_uin,
                allocated_at,
                credit_change,
                total_credit_after,
                remaining_credit_after
        )
)

select * exclude (snapshot_date, page_number, page_position)
from ranked
where snapshot_date = last_seen_date
