-- The costs of a bill in one currency. Grain: one row per product, region and pay mode.
select
    coalesce(product_name, product_code, 'No product') as product,
    coalesce(region_name, 'No region') as region,
    coalesce(pay_mode_name, 'No pay mode') as pay_mode,
    list_cost,
    discount_amount as discount,
    voucher_amount as voucher,
    billed_cost as billed
from main.rpt_customer_statement
where
    bill_month = $month and account = $account and customer_uin = $customer_uin
    and coalesce(billing_currency, '') = $currency
order by all
