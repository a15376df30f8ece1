-- When a customer's bills by day of a month were last proven, and when they last changed.
-- Grain: one row per account, customer and bill month with a landed day.
-- Before a month's bill is issued, bill lines are requested again only for customers whose days
-- changed. The lines of the others are as recent as their days.
with

landed_days as (
    select * from staging.stg_landed_slices
    where bill_date is not null
)

select
    account,
    customer_uin,
    bill_month,
    max(changed_at) as changed_at,
    arg_max(proven_at, bill_date) as proven_at,
    bool_and(proof = 'proven') as is_proven
from landed_days
group by all
