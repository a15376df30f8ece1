-- An end customer's own vouchers, by snapshot day.
-- Grain: one row per entry of an account's list. If the list changes between two pages,
-- a voucher may occur twice.
-- The API sends no currency here. Never sum across days.
select
    _account as account,
    text(CustomerUin) as customer_uin,
    calendar_day(snapshot_date) as snapshot_date,
    text(VoucherId) as voucher_id,
    text(VoucherStatus) as voucher_status,
    text(PaymentMode) as payment_mode,
    text(ProductScope) as product_scope,
    money(TotalAmount) as total_amount,
    money(RemainingAmount) as remaining_amount,
    instant(EffectiveTime) as effective_at,
    instant(ExpireTime) as expires_at,
    _page as page_number,
    _position as page_position,
    _request_id as request_id,
    _fetched_at as fetched_at
from raw.own_vouchers
