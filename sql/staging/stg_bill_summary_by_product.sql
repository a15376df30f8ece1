-- The service's own sums by product.
-- Grain: one row per account, customer, bill month and product.
-- The API sends no currency here. Never sum this with bill lines: it is the same money.
select
    _account as account,
    _customer_uin as customer_uin,
    bill_month,
    text(BusinessCode) as product_code,
    text(BusinessCodeName) as product_name,
    money(OriginalCost) as list_cost,
    money(VoucherPayAmount) as voucher_amount,
    money(TotalCost) as billed_cost,
    _page as page_number,
    _position as page_position,
    _request_id as request_id,
    _fetched_at as fetched_at
from raw.bill_summary_by_product
