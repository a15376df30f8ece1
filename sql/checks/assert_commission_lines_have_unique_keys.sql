-- No two commission lines share account, bill month and number.
-- Grain: one row per key that occurs more than once.
with

commissions as (
    select * from main.fct_commission_lines
),

final as (
    select
        account,
        bill_month,
        line_number,
        count(*) as row_count
    from commissions
    group by account, bill_month, line_number
    having count(*) > 1
)

select * from final
