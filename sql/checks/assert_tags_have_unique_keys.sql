-- No two rows share account, month, tag key, tag value and currency.
-- Grain: one row per key that occurs more than once.
with

tags as (
    select * from main.rpt_tags
),

final as (
    select
        account,
        bill_month,
        tag_key,
        tag_value,
        billing_currency,
        count(*) as row_count
    from tags
    group by
        account,
        bill_month,
        tag_key,
        tag_value,
        billing_currency
    having count(*) > 1
)

select * from final
