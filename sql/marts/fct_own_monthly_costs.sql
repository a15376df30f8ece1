-- Monthly cost of an end customer's own bill by product, region, pay mode and transaction type.
-- Grain: one row per account, bill month, product, region, pay mode, transaction type and currency.
-- Costs may be summed within one currency only. The API sends neither discounts nor vouchers of own
-- bills.
with

own_lines as (
    select * from main.fct_own_bill_lines
),

final as (
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
        case when count(list_cost) = count(*) then sum(list_cost) end as list_cost,
        sum(billed_cost) as billed_cost,
        is_complete
    from own_lines
    group by
        account,
        bill_month,
        product_code,
        product_name,
        region_name,
        pay_mode_name,
        transaction_type,
        billing_currency,
        is_complete
)

select * from final
