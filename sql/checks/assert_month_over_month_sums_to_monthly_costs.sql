-- Every bill is compared as its own month, and as the previous month in the next.
-- Grain: one row per account, customer or own bill, bill month and currency where it is not.
with

monthly_costs as (
    select * from main.fct_monthly_costs
),

own_monthly_costs as (
    select * from main.fct_own_monthly_costs
),

changes as (
    select * from main.rpt_month_over_month
),

bill_months as (
    select * from main.dim_customer_months
),

gathered as (
    select
        account,
        customer_uin,
        false as is_own_bill,
        bill_month,
        billing_currency,
        billed_cost
    from monthly_costs
    union all
    select
        account,
        null as customer_uin,
        true as is_own_bill,
        bill_month,
        billing_currency,
        billed_cost
    from own_monthly_costs
),

bills_summed as (
    select
        account,
        customer_uin,
        is_own_bill,
        bill_month,
        billing_currency,
        sum(billed_cost) as billed_cost
    from gathered
    group by account, customer_uin, is_own_bill, bill_month, billing_currency
),

-- The difference of both sides must be zero.
signed as (
    select
        account,
        customer_uin,
        is_own_bill,
        bill_month,
        billing_currency,
        billed_cost,
        0 as previous_billed_cost
    from bills_summed
    union all
    select
        bills_summed.account,
        bills_summed.customer_uin,
        bills_summed.is_own_bill,
        bill_months.bill_month,
        bills_summed.billing_currency,
        0 as billed_cost,
        bills_summed.billed_cost as previous_billed_cost
    from bills_summed
    inner join bill_months
        on
            bills_summed.account = bill_months.account
            and bills_summed.is_own_bill = bill_months.is_own_bill
            and bills_summed.bill_month = bill_months.previous_bill_month
            and bills_summed.customer_uin is not distinct from bill_months.customer_uin
    union all
    select
        account,
        customer_uin,
        is_own_bill,
        bill_month,
        billing_currency,
        -coalesce(billed_cost, 0) as billed_cost,
        -coalesce(previous_billed_cost, 0) as previous_billed_cost
    from changes
),

final as (
    select
        account,
        customer_uin,
        is_own_bill,
        bill_month,
        billing_currency,
        sum(billed_cost) as difference,
        sum(previous_billed_cost) as previous_difference
    from signed
    group by account, customer_uin, is_own_bill, bill_month, billing_currency
    having sum(billed_cost) <> 0 or sum(previous_billed_cost) <> 0
)

select * from final
