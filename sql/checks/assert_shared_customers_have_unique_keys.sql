-- No shared customer and month occurs twice.
-- Grain: one row per key that occurs more than once.
with

shared_customers as (
    select * from main.rpt_shared_customers
),

final as (
    select
        customer_uin,
        bill_month,
        count(*) as row_count
    from shared_customers
    group by customer_uin, bill_month
    having count(*) > 1
)

select * from final
