-- Margins sum to the monthly costs and the commission lines.
-- Grain: one row per account, customer, bill month and currency where they do not.
with

monthly_costs as (
    select * from main.fct_monthly_costs
),

commission_lines as (
    select * from main.fct_commission_lines
),

margins as (
    select * from main.rpt_margin
),

-- The difference of both sides must be zero.
signed as (
    select
        account,
        customer_uin,
        bill_month,
        billing_currency,
        billed_cost,
        0 as commission_amount
    from monthly_costs
    union all
    select
        account,
        customer_uin,
        bill_month,
        billing_currency,
        0 as billed_cost,
        coalesce(commission_amount, 0) as commission_amount
    from commission_lines
    union all
    select
        account,
        customer_uin,
        bill_month,
        billing_currency,
        -coalesce(billed_cost, 0) as billed_cost,
        -coalesce(commission_amount, 0) as commission_amount
    from margins
),

final as (
    select
        account,
        customer_uin,
        bill_month,
        billing_currency,
        sum(billed_cost) as difference,
        sum(commission_amount) as commission_difference
    from signed
    group by account, customer_uin, bill_month, billing_currency
    having sum(billed_cost) <> 0 or sum(commission_amount) <> 0
)

select * from final
