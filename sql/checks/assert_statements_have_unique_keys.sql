-- No two statement rows share all of their dimensions and currency.
-- Grain: one row per key that occurs more than once.
with

statements as (
    select * from main.rpt_customer_statement
),

final as (
    select
        account,
        customer_uin,
        bill_month,
        product_code,
        product_name,
        region_name,
        pay_mode_name,
        billing_currency,
        count(*) as row_count
    from statements
    group by
        account,
        customer_uin,
        bill_month,
        product_code,
        product_name,
        region_name,
        pay_mode_name,
        billing_currency
    having count(*) > 1
)

select * from final
