-- Monthly cost of each customer by product, region, pay mode and transaction type.
-- Grain: one row per account, customer, bill month, product, region, pay mode, transaction type and
-- currency.
-- A customer of several accounts is here once. Costs may be summed within one currency only.
with

bill_lines as (
    select * from main.fct_bill_lines
),

final as (
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
        case when count(list_cost) = count(*) then sum(list_cost) end as list_cost,
        case when count(contracted_cost) = count(*) then sum(contracted_cost) end
            as contracted_cost,
        sum(voucher_amount) as voucher_amount,
        sum(billed_cost) as billed_cost,
        is_complete
    from bill_lines
    group by
        account,
        customer_uin,
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
