-- No two credit allocations share account, customer, time, amounts and occurrence.
-- Grain: one row per key that occurs more than once.
with

credit_allocations as (
    select * from main.fct_credit_allocations
),

final as (
    select
        account,
        customer_uin,
        allocated_at,
        credit_change,
        total_credit_after,
        remaining_credit_after,
        occurrence,
        count(*) as row_count
    from credit_allocations
    group by
        account,
        customer_uin,
        allocated_at,
        credit_change,
        total_credit_after,
        remaining_credit_after,
        occurrence
    having count(*) > 1
)

select * from final
