-- What each customer's bill of a month is made of.
-- Grain: one row per account, customer, bill month, product, region, pay mode, transaction type
-- and currency.
-- Costs may be summed within one billing_currency only.
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
