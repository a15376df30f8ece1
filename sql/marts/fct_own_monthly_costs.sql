-- Monthly cost of an end customer's own bill by product, region, pay mode and transaction type.
-- Grain: one row per account, bill month, product, region, pay mode, transaction type and currency.
-- Costs may be summed within one currency only. The API sends neither discounts nor vouchers of own
-- bills.
select
    account,
    bill_month,
    product_code,
    product_name,
    region_name,
    pay_mode_name,
    transaction_type,
    billing_currency,
    count(*) as line_count,
    whole_sum(list_cost) as list_cost,
    sum(billed_cost) as billed_cost,
    is_complete
from main.fct_own_bill_lines
group by all
