-- No customer of an account has two credits on a day.
-- Grain: one row per key that occurs more than once.
with

credit as (
    select * from main.fct_credit
),

final as (
    select
        account,
        customer_uin,
        snapshot_date,
        count(*) as row_count
    from credit
    group by account, customer_uin, snapshot_date
    having count(*) > 1
)

select * from final
