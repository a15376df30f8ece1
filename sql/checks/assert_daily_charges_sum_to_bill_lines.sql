-- Daily charges sum to the bill lines, customers' and own, that they were made from.
-- Grain: one row per account, customer or own bill, bill month and currency where they differ.
with

bill_lines as (
    select * from main.fct_bill_lines
),

own_bill_lines as (
    select * from main.fct_own_bill_lines
),

daily_charges as (
    select * from main.fct_daily_charges
),

lines_summed as (
    select
        account,
        customer_uin,
        false as is_own_bill,
        bill_month,
        billing_currency,
        count(*) as line_count,
        case when count(contracted_cost) = count(*) then sum(contracted_cost) end
            as contracted_cost,
        sum(billed_cost) as billed_cost
    from bill_lines
    group by account, customer_uin, bill_month, billing_currency
    union all
    select
        account,
        null as customer_uin,
        true as is_own_bill,
        bill_month,
        billing_currency,
        count(*) as line_count,
        null as contracted_cost,
        sum(billed_cost) as billed_cost
    from own_bill_lines
    group by account, bill_month, billing_currency
),

days_summed as (
    select
        account,
        customer_uin,
        is_own_bill,
        bill_month,
        billing_currency,
        sum(line_count) as line_count,
        case when count(contracted_cost) = count(*) then sum(contracted_cost) end
            as contracted_cost,
        sum(billed_cost) as billed_cost
    from daily_charges
    group by account, customer_uin, is_own_bill, bill_month, billing_currency
),

unequal as (
    (
        select * from lines_summed
        except all
        select * from days_summed
    )
    union all
    (
        select * from days_summed
        except all
        select * from lines_summed
    )
),

final as (
    select
        account,
        customer_uin,
        is_own_bill,
        bill_month,
        billing_currency,
        line_count,
        contracted_cost,
        billed_cost
    from unequal
)

select * from final
