-- Monthly cost of each customer by product, region, pay mode and transaction type.
-- Grain: one row per account, customer, bill month, product, region, pay mode, transaction type and
-- currency.
-- A customer of several accounts is here once. Costs may be summed within one currency only.
select
    account,
    customer_uin,
    bill_month,
    product_code,
    product_name,
    region_name,
    pay_mode_name,
    transaction_type,
    billing_currency,
    count(*) as line_count,
    whole_sum(list_cost) as list_cost,
    whole_sum(contracted_cost) as contracted_cost,
    sum(voucher_amount) as voucher_amount,
    sum(billed_cost) as billed_cost,
    is_complete
from main.fct_bill_lines
group by all
