-- Payments with customers' vouchers in a month.
-- Grain: one row per landed usage of a voucher; nothing is deduplicated.
-- used_amount may be summed. The voucher's own amounts are repeated on each row: never sum them.
with

landed as (
    select * from raw.customer_voucher_usage
),

-- `_slice_params` and `_reply` are JSON. Here ProductCode is the product, not the subproduct as in
-- bill lines: SubProductCode is that.
renamed as (
    select
        _account as account,
        _customer_uin as customer_uin,
        bill_month,
        try(json_extract_string(_slice_params, 'VoucherId')) as voucher_id,
        nullif(nullif(trim(VoucherId), ''), '-') as answered_voucher_id,
        nullif(nullif(trim(Id), ''), '-') as usage_id,
        nullif(nullif(trim(DealName), ''), '-') as order_id,
        nullif(nullif(trim(BillId), ''), '-') as bill_id,
        nullif(nullif(trim(PayMode), ''), '-') as pay_mode_code,
        nullif(nullif(trim(ProductCode), ''), '-') as product_code,
        nullif(nullif(trim(ProductCodeName), ''), '-') as product_name,
        nullif(nullif(trim(SubProductCode), ''), '-') as subproduct_code,
        nullif(nullif(trim(SubProductCodeName), ''), '-') as subproduct_name,
        nullif(nullif(trim(OwnerUin), ''), '-') as owner_account_id,
        nullif(nullif(nullif(trim(PayTime), ''), '-'), '0000-00-00 00:00:00') as paid_at,
        nullif(
            nullif(nullif(trim(CompletionTime), ''), '-'), '0000-00-00 00:00:00'
        ) as completed_at,
        nullif(nullif(trim(Amount), ''), '-') as used_amount,
        try(json_extract_string(_reply, 'TotalAmount')) as voucher_total_amount,
        try(json_extract_string(_reply, 'RemainAmount')) as voucher_remaining_amount,
        _page as page_number,
        _position as page_position,
        _request_id as request_id,
        _fetched_at as fetched_at
    from landed
),

final as (
    select
        account,
        customer_uin,
        bill_month,
        voucher_id,
        answered_voucher_id,
        usage_id,
        order_id,
        bill_id,
        pay_mode_code,
        product_code,
        product_name,
        subproduct_code,
        subproduct_name,
        owner_account_id,
        -- Times carry no offset and are in UTC+8.
        try_cast(paid_at || '+08:00' as timestamptz) as paid_at,
        try_cast(completed_at || '+08:00' as timestamptz) as completed_at,
        try_cast(used_amount as decimal(38, 8)) as used_amount,
        try_cast(voucher_total_amount as decimal(38, 8)) as voucher_total_amount,
        try_cast(voucher_remaining_amount as decimal(38, 8)) as voucher_remaining_amount,
        page_number,
        page_position,
        request_id,
        fetched_at,
        struct_pack(
            paid_at := paid_at,
            completed_at := completed_at,
            used_amount := used_amount,
            voucher_total_amount := voucher_total_amount,
            voucher_remaining_amount := voucher_remaining_amount
        ) as source
    from renamed
)

select * from final
