-- No two vouchers share account, customer and id.
-- Grain: one row per key that occurs more than once.
with

vouchers as (
    select * from main.fct_vouchers
),

final as (
    select
        account,
        customer_uin,
        voucher_id,
        count(*) as row_count
    from vouchers
    group by account, customer_uin, voucher_id
    having count(*) > 1
)

select * from final
