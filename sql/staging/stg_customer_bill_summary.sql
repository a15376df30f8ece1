-- The service's own total per customer and month.
-- Grain: one row per account, customer and bill month.
-- The total is a JSON number: compare `billed_cost_number` as a double, never the decimal.
select
    _account as account,
    _customer_uin as customer_uin,
    bill_month,
    money(TotalCost) as billed_cost,
    text(TotalCost) as billed_cost_number,
    _page as page_number,
    _position as page_position,
    _request_id as request_id,
    _fetched_at as fetched_at
from raw.customer_bill_summary
