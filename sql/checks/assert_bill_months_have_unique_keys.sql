-- No two bill months share account, bill month and kind of bill.
-- Grain: one row per key that occurs more than once.
with

bill_months as (
    select * from main.dim_bill_months
),

final as (
    select
        account,
        bill_month,
        is_own_bill,
        count(*) as row_count
    from bill_months
    group by account, bill_month, is_own_bill
    having count(*) > 1
)

select * from final
