-- An end customer's own credit, by snapshot day.
-- Grain: one row per account and day.
-- Never sum across days, nor the remaining credit with the amounts held back.
select
    _account as account,
    calendar_day(snapshot_date) as snapshot_date,
    money(TotalCredit) as total_credit,
    money(RemainingCredit) as remaining_credit,
    money(RemainingVoucher) as remaining_voucher_amount,
    money(PrepayFrozen) as prepay_frozen_amount,
    money(PostpayFrozen) as postpay_frozen_amount,
    'USD' as credit_currency,
    text(Force) as forced_status_code,
    _page as page_number,
    _position as page_position,
    _request_id as request_id,
    _fetched_at as fetched_at
from raw.own_billing_quota
