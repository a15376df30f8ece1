-- Monthly costs of own bills sum to the bill lines that they were made from, cost by cost.
-- Grain: one row per account, bill month and currency where they differ.
with

own_lines as (
    select * from main.fct_own_bill_lines
),

monthly_costs as (
    select * from main.fct_own_monthly_costs
),

lines_summed as (
    select
        account,
        bill_month,
        billing_currency,
        count(*) as line_count,
        case when count(list_cost) = count(*) then sum(list_cost) end as list_cost,
        sum(billed_cost) as billed_cost
    from own_lines
    group by account, bill_month, billing_currency
),

months_summed as (
    select
        account,
        bill_month,
        billing_currency,
        sum(line_count) as line_count,
        case when count(list_cost) = count(*) then sum(list_cost) end as list_cost,
        sum(billed_cost) as billed_cost
    from monthly_costs
    group by account, bill_month, billing_currency
),

unequal as (
    (
        select * from lines_summed
        except all
        select * from months_summed
    )
    union all
    (
        select * from months_summed
        except all
        select * from lines_summed
    )
),

final as (
    select
        account,
        bill_month,
        billing_currency,
        line_count,
        billed_cost
    from unequal
)

select * from final
