-- Costs of the closed months, as invoiced when each month was closed.
-- Grain: one row per account, customer (null: the account's own bill), bill month and kind of cost.
-- Costs may be summed within one billing_currency only.
select
    account,
    customer_uin,
    is_own_bill,
    bill_month,
    product_code,
    product_name,
    region_name,
    pay_mode_name,
    transaction_type,
    billing_currency,
    line_count,
    list_cost,
    contracted_cost,
    voucher_amount,
    billed_cost
from raw.closed_costs
