-- Payments with vouchers, by the vouchers' own records: customers' vouchers, and an end customer's
-- own.
-- Grain: one row per account, customer, bill month, voucher, usage and occurrence.
-- used_amount may be summed within one account; two accounts may have the same voucher. The
-- voucher's own amounts are repeated on each of its rows: never sum them.
with

used as (
    select * from staging.stg_customer_voucher_usage
    union all by name
    select * from staging.stg_own_voucher_usage
)

select
    * exclude (answered_voucher_id, page_number, page_position),
    row_number() over (
        partition by account, customer_uin, bill_month, voucher_id, usage_id
        order by page_number, page_position
    ) as occurrence
from used
