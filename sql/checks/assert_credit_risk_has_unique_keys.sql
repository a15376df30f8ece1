-- No customer of an account has two rows of credit risk.
-- Grain: one row per key that occurs more than once.
with

credit_risk as (
    select * from main.rpt_credit_risk
),

final as (
    select
        account,
        customer_uin,
        count(*) as row_count
    from credit_risk
    group by account, customer_uin
    having count(*) > 1
)

select * from final
