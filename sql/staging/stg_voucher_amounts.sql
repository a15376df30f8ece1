-- Voucher amounts of the requested customers, by snapshot day.
-- Grain: one row per entry of an answer; each customer is requested once a day.
-- The API sends no currency here. Never sum across days, nor with single vouchers.
select
    _account as account,
    text(ClientUin) as customer_uin,
    calendar_day(snapshot_date) as snapshot_date,
    money(TotalAmount) as total_amount,
    money(RemainAmount) as remaining_amount,
    _page as page_number,
    _position as page_position,
    _request_id as request_id,
    _fetched_at as fetched_at
from raw.voucher_amounts
