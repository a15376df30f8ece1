-- No two bill lines share account, customer, bill month, line_id and occurrence.
-- Grain: one row per key that occurs more than once.
with

bill_lines as (
    select * from main.fct_bill_lines
),

final as (
    select
        account,
        customer_uin,
        bill_month,
        line_id,
        occurrence,
        count(*) as row_count
    from bill_lines
    group by account, customer_uin, bill_month, line_id, occurrence
    having count(*) > 1
)

select * from final
