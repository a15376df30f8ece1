-- No customer of a dataset and month has two rows of problems.
-- Grain: one row per key that occurs more than once.
with

coverage as (
    select * from main.rpt_coverage
),

final as (
    select
        account,
        dataset,
        bill_month,
        customer_uin,
        count(*) as row_count
    from coverage
    group by account, dataset, bill_month, customer_uin
    having count(*) > 1
)

select * from final
