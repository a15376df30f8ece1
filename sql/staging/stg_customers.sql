-- Customers of an account, by snapshot day.
-- Grain: one row per entry of an account's list. If the list changes between two pages,
-- a customer may occur twice.
-- Never count across days: every snapshot holds the customer again.
select
    _account as account,
    text(CustomerUin) as customer_uin,
    calendar_day(snapshot_date) as snapshot_date,
    _page as page_number,
    _position as page_position,
    _request_id as request_id,
    _fetched_at as fetched_at
from raw.customers
