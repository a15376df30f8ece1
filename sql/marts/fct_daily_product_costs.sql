-- Cost of each customer's bill lines by product and day of usage.
-- Grain: one row per account, customer, bill month, day, product and currency.
-- Costs may be summed within one currency only. A day may lie outside its bill month.
select
    account,
    customer_uin,
    bill_month,
    cast(coalesce(usage_start_at, transaction_at) at time zone 'Asia/Shanghai' as date)
        as usage_date,
    product_code,
    product_name,
    billing_currency,
    count(*) as line_count,
    whole_sum(list_cost) as list_cost,
    whole_sum(contracted_cost) as contracted_cost,
    sum(voucher_amount) as voucher_amount,
    sum(billed_cost) as billed_cost,
    is_complete
from main.fct_bill_lines
group by all
