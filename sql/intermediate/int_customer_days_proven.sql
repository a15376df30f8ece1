-- As of when a customer's daily bills of a month are known, and since when they are as they are.
-- Grain: one row per account, customer and bill month of which a day landed.
-- Of a month whose bill is not out nobody asks again for the lines of a customer whose days did not
-- change: they are as of its days.
with

landed_days as (
    select * from staging.stg_landed_slices
    where bill_date is not null
),

final as (
    select
        account,
        customer_uin,
        bill_month,
        max(changed_at) as changed_at,
        arg_max(proven_at, bill_date) as proven_at,
        bool_and(proof = 'proven') as is_proven
    from landed_days
    group by account, customer_uin, bill_month
)

select * from final
