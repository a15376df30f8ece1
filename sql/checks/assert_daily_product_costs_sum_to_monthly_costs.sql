-- Daily product costs sum to the monthly costs of the same lines, cost by cost.
-- Grain: one row per account, customer, bill month and currency where they differ.
with

product_costs as (
    select * from main.fct_daily_product_costs
),

monthly_costs as (
    select * from main.fct_monthly_costs
),

days_summed as (
    select
        account,
        customer_uin,
        bill_month,
        billing_currency,
        sum(line_count) as line_count,
        case when count(list_cost) = count(*) then sum(list_cost) end as list_cost,
        case when count(contracted_cost) = count(*) then sum(contracted_cost) end
            as contracted_cost,
        sum(voucher_amount) as voucher_amount,
        sum(billed_cost) as billed_cost
    from product_costs
    group by account, customer_uin, bill_month, billing_currency
),

months_summed as (
    select
        account,
        customer_uin,
        bill_month,
        billing_currency,
        sum(line_count) as line_count,
        case when count(list_cost) = count(*) then sum(list_cost) end as list_cost,
        case when count(contracted_cost) = count(*) then sum(contracted_cost) end
            as contracted_cost,
        sum(voucher_amount) as voucher_amount,
        sum(billed_cost) as billed_cost
    from monthly_costs
    group by account, customer_uin, bill_month, billing_currency
),

unequal as (
    (
        select * from days_summed
        except all
        select * from months_summed
    )
    union all
    (
        select * from months_summed
        except all
        select * from days_summed
    )
),

final as (
    select
        account,
        customer_uin,
        bill_month,
        billing_currency,
        line_count,
        billed_cost
    from unequal
)

select * from final
