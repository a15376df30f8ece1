-- No customer of an account occurs twice.
-- Grain: one row per account and customer that occurs more than once.
with

customers as (
    select * from main.dim_customers
),

final as (
    select
        account,
        customer_uin,
        count(*) as row_count
    from customers
    group by account, customer_uin
    having count(*) > 1
)

select * from final
