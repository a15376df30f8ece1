-- No two rows of bills by resource come from the same place.
-- Grain: one row per key that occurs more than once.
with

bill_resources as (
    select * from main.fct_bill_resources
),

final as (
    select
        account,
        customer_uin,
        bill_month,
        source_dataset,
        slice_params,
        page_number,
        page_position,
        count(*) as row_count
    from bill_resources
    group by
        account,
        customer_uin,
        bill_month,
        source_dataset,
        slice_params,
        page_number,
        page_position
    having count(*) > 1
)

select * from final
