-- Cost of each customer's bill lines by product and day of usage.
-- Grain: one row per account, customer, bill month, day, product and currency.
-- Costs may be summed within one currency only. A day may lie outside its bill month.
with

bill_lines as (
    select * from main.fct_bill_lines
),

dated as (
    select
        account,
        customer_uin,
        bill_month,
        cast(
            coalesce(usage_start_at, transaction_at) at time zone 'Asia/Shanghai' as date
        ) as usage_date,
        product_code,
        product_name,
        billing_currency,
        list_cost,
        contracted_cost,
        voucher_amount,
        billed_cost,
        is_complete
    from bill_lines
),

final as (
    select
        account,
        customer_uin,
        bill_month,
        usage_date,
        product_code,
        product_name,
        billing_currency,
        count(*) as line_count,
        case when count(list_cost) = count(*) then sum(list_cost) end as list_cost,
        case when count(contracted_cost) = count(*) then sum(contracted_cost) end
            as contracted_cost,
        sum(voucher_amount) as voucher_amount,
        sum(billed_cost) as billed_cost,
        is_complete
    from dated
    group by
        account,
        customer_uin,
        bill_month,
        usage_date,
        product_code,
        product_name,
        billing_currency,
        is_complete
)

select * from final
