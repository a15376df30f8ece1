-- Payments with vouchers, by the vouchers' own records: customers' vouchers, and an end customer's
-- own.
-- Grain: one row per account, customer, bill month, voucher, usage and occurrence.
-- used_amount may be summed within one account; two accounts may have the same voucher. The
-- voucher's own amounts are repeated on each of its rows: never sum them.
with

customers_usage as (
    select * from staging.stg_customer_voucher_usage
),

own_usage as (
    select * from staging.stg_own_voucher_usage
),

used as (
    select
        account,
        customer_uin,
        bill_month,
        voucher_id,
        usage_id,
        order_id,
        bill_id,
        pay_mode_code,
        product_code,
        product_name,
        subproduct_code,
        subproduct_name,
        owner_account_id,
        paid_at,
        completed_at,
        used_amount,
        voucher_total_amount,
        voucher_remaining_amount,
        page_number,
        page_position,
        request_id,
        fetched_at
    from customers_usage
    union all
    select
        account,
        null as customer_uin,
        bill_month,
        voucher_id,
        usage_id,
        order_id,
        bill_id,
        pay_mode_code,
        product_code,
        product_name,
        subproduct_code,
        subproduct_name,
        owner_account_id,
        paid_at,
        completed_at,
        used_amount,
        voucher_total_amount,
        voucher_remaining_amount,
        page_number,
        page_position,
        request_id,
        fetched_at
    from own_usage
),

final as (
    select
        account,
        customer_uin,
        bill_month,
        voucher_id,
        usage_id,
        row_number() over (
            partition by account, customer_uin, bill_month, voucher_id, usage_id
            order by page_number, page_position
        ) as occurrence,
        order_id,
        bill_id,
        pay_mode_code,
        product_code,
        product_name,
        subproduct_code,
        subproduct_name,
        owner_account_id,
        paid_at,
        completed_at,
        used_amount,
        voucher_total_amount,
        voucher_remaining_amount,
        request_id,
        fetched_at
    from used
)

select * from final
