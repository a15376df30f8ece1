-- Vouchers of a partner's customers, by snapshot day.
-- Grain: one row per entry of an account's list. If the list changes between two pages,
-- a voucher may occur twice.
-- The API sends no currency here. Never sum across days, nor with the other voucher lists.
with

landed as (
    select * from raw.customer_vouchers
),

renamed as (
    select
        _account as account,
        nullif(nullif(trim(CustomerUin), ''), '-') as customer_uin,
        try_cast(snapshot_date as date) as snapshot_date,
        nullif(nullif(trim(VoucherId), ''), '-') as voucher_id,
        nullif(nullif(trim(VoucherStatus), ''), '-') as voucher_status,
        nullif(nullif(trim(Usage), ''), '-') as voucher_purpose,
        nullif(nullif(trim(PaymentMode), ''), '-') as payment_mode,
        nullif(nullif(trim(ProductScope), ''), '-') as product_scope,
        nullif(nullif(trim(TotalAmount), ''), '-') as total_amount,
        nullif(nullif(trim(RemainingAmount), ''), '-') as remaining_amount,
        nullif(nullif(nullif(trim(EffectiveTime), ''), '-'), '0000-00-00 00:00:00') as effective_at,
        nullif(nullif(nullif(trim(ExpireTime), ''), '-'), '0000-00-00 00:00:00') as expires_at,
        nullif(nullif(trim(ApplyReason), ''), '-') as application_reason,
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
        snapshot_date,
        voucher_id,
        voucher_status,
        voucher_purpose,
        payment_mode,
        product_scope,
        try_cast(total_amount as decimal(38, 8)) as total_amount,
        try_cast(remaining_amount as decimal(38, 8)) as remaining_amount,
        -- Times carry no offset and are in UTC+8.
        try_cast(effective_at || '+08:00' as timestamptz) as effective_at,
        try_cast(expires_at || '+08:00' as timestamptz) as expires_at,
        mask_texts(application_reason) as application_reason,
        page_number,
        page_position,
        request_id,
        fetched_at,
        struct_pack(
            total_amount := total_amount,
            remaining_amount := remaining_amount,
            effective_at := effective_at,
            expires_at := expires_at
        ) as source
    from renamed
)

select * from final
