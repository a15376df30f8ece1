-- No two usages share account, customer, bill month, voucher, usage_id and occurrence.
-- Grain: one row per key that occurs more than once.
with

usages as (
    select * from main.fct_voucher_usage
),

final as (
    select
        account,
        customer_uin,
        bill_month,
        voucher_id,
        usage_id,
        occurrence,
        count(*) as row_count
    from usages
    group by account, customer_uin, bill_month, voucher_id, usage_id, occurrence
    having count(*) > 1
)

select * from final
