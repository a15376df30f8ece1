-- Whether each customer's account is verified, by snapshot day.
-- Grain: one row per account, customer and day.
-- Never count across days: every snapshot holds the customer again.
select
    _account as account,
    _customer_uin as customer_uin,
    calendar_day(snapshot_date) as snapshot_date,
    flag(AccountStatus) as is_verified,
    _page as page_number,
    _position as page_position,
    _request_id as request_id,
    _fetched_at as fetched_at
from raw.account_verification
