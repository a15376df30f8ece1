-- The service's own total per customer and day.
-- Grain: one row per account, customer and day.
-- What a day covers is not documented, so days need not sum to the month's bill. The API sends no
-- currency here.
select
    _account as account,
    _customer_uin as customer_uin,
    left(bill_date, 7) as bill_month,
    calendar_day(bill_date) as bill_date,
    money(TotalCost) as billed_cost,
    _page as page_number,
    _position as page_position,
    _request_id as request_id,
    _fetched_at as fetched_at
from raw.customer_bill_by_day
