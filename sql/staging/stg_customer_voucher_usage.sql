-- Payments with customers' vouchers in a month.
-- Grain: one row per landed usage of a voucher; nothing is deduplicated.
-- used_amount may be summed. The voucher's own amounts are repeated on each row: never sum them.
-- `_slice_params` and `_reply` are JSON. Here ProductCode is the product, not the subproduct as in
-- bill lines: SubProductCode is that.
select
    _account as account,
    _customer_uin as customer_uin,
    bill_month,
    try(_slice_params ->> 'VoucherId') as voucher_id,
    text(VoucherId) as answered_voucher_id,
    text(Id) as usage_id,
    text(DealName) as order_id,
    text(BillId) as bill_id,
    text(PayMode) as pay_mode_code,
    text(ProductCode) as product_code,
    text(ProductCodeName) as product_name,
    text(SubProductCode) as subproduct_code,
    text(SubProductCodeName) as subproduct_name,
    text(OwnerUin) as owner_account_id,
    instant(PayTime) as paid_at,
    instant(CompletionTime) as completed_at,
    money(Amount) as used_amount,
    money(try(_reply ->> 'TotalAmount')) as voucher_total_amount,
    money(try(_reply ->> 'RemainAmount')) as voucher_remaining_amount,
    _page as page_number,
    _position as page_position,
    _request_id as request_id,
    _fetched_at as fetched_at
from raw.customer_voucher_usage
