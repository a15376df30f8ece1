-- No two own bill lines share account, bill month, line_id and occurrence.
-- Grain: one row per key that occurs more than once.
with

own_lines as (
    select * from main.fct_own_bill_lines
),

final as (
    select
        account,
        bill_month,
        line_id,
        occurrence,
        count(*) as row_count
    from own_lines
    group by account, bill_month, line_id, occurrence
    having count(*) > 1
)

select * from final
