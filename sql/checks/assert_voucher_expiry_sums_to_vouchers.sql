-- Voucher amounts by expiry sum to all that is left on a customer's vouchers.
-- Grain: one row per group that differs.
with

reports as (
    select * from main.rpt_voucher_expiry
),

facts as (
    select * from main.fct_vouchers
),

gathered as (
    select
        account,
        customer_uin,
        remaining_amount as report_sum,
        null as fact_sum
    from reports
    union all
    select
        account,
        customer_uin,
        null as report_sum,
        remaining_amount as fact_sum
    from facts
),

final as (
    select
        account,
        customer_uin,
        coalesce(sum(report_sum), 0) as report_sum,
        coalesce(sum(fact_sum), 0) as fact_sum
    from gathered
    group by account, customer_uin
    having coalesce(sum(report_sum), 0) <> coalesce(sum(fact_sum), 0)
)

select * from final
