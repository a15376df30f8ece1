-- The lines of a bill, in a fixed order, times in UTC+8. Grain: one row per line.
select
    usage_start_at at time zone 'Asia/Shanghai' as usage_from,
    usage_end_at at time zone 'Asia/Shanghai' as usage_to,
    coalesce(product_name, product_code) as product,
    coalesce(subproduct_name, subproduct_code) as subproduct,
    coalesce(component_name, component_code) as component,
    region_name,
    resource_id,
    resource_name,
    project_name,
    pay_mode_name,
    transaction_type,
    consumed_quantity,
    consumed_unit,
    list_unit_price,
    pricing_unit,
    list_cost,
    list_cost - contracted_cost as discount_amount,
    voucher_amount,
    billed_cost,
    coalesce(billing_currency, $no_currency) as currency,
    line_id
from main.fct_bill_lines
where bill_month = $month and account = $account and customer_uin = $customer_uin
order by
    billing_currency, product_name, region_name, resource_id, usage_start_at, line_id, occurrence
