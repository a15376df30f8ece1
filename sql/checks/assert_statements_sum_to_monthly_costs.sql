-- Statements sum to the monthly costs that they were made from, cost by cost.
-- Grain: one row per account, customer, bill month and currency where they differ.
with

monthly_costs as (
    select * from main.fct_monthly_costs
),

statements as (
    select * from main.rpt_customer_statement
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

statements_summed as (
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
    from statements
    group by account, customer_uin, bill_month, billing_currency
),

unequal as (
    (
        select * from months_summed
        except all
        select * from statements_summed
    )
    union all
    (
        select * from statements_summed
        except all
        select * from months_summed
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
