-- No two bill lines of files come from the same place.
-- Grain: one row per key that occurs more than once.
with

bill_file_lines as (
    select * from main.fct_bill_file_lines
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
    from bill_file_lines
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
