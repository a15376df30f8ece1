-- Amount of a month that a customer has not paid yet, as the service reports it.
-- Grain: one row per requested account, customer and bill month.
-- The amount is a JSON number, a double. Never add it to the bill, which includes it.
select
    _account as account,
    _customer_uin as customer_uin,
    bill_month,
    money(TotalCost) as unpaid_cost,
    text(TotalCost) as unpaid_cost_number,
    _page as page_number,
    _position as page_position,
    _request_id as request_id,
    _fetched_at as fetched_at
from raw.customer_bill_unpaid
