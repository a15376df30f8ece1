-- No own bill of a month is compared twice with the same figure.
-- Grain: one row per key that occurs more than once.
with

reconciliation as (
    select * from main.rpt_own_reconciliation
),

final as (
    select
        account,
        bill_month,
        compared_with,
        tag_key,
        count(*) as row_count
    from reconciliation
    group by account, bill_month, compared_with, tag_key
    having count(*) > 1
)

select * from final
