-- Unpaid amounts by age sum to all unpaid amounts, by account, month and currency.
-- Grain: one row per group that differs.
with

reports as (
    select * from main.rpt_receivables
),

facts as (
    select * from main.fct_receivables
),

gathered as (
    select
        account,
        bill_month,
        billing_currency,
        unpaid_cost as report_sum,
        null as fact_sum
    from reports
    union all
    select
        account,
        bill_month,
        billing_currency,
        null as report_sum,
        unpaid_cost as fact_sum
    from facts
),

final as (
    select
        account,
        bill_month,
        billing_currency,
        coalesce(sum(report_sum), 0) as report_sum,
        coalesce(sum(fact_sum), 0) as fact_sum
    from gathered
    group by account, bill_month, billing_currency
    having coalesce(sum(report_sum), 0) <> coalesce(sum(fact_sum), 0)
)

select * from final
