-- No kind of cost of a bill is credited or debited twice.
-- Grain: one row per key that occurs more than once.
with

restatement_lines as (
    select * from main.rpt_restatement_lines
),

final as (
    select
        account,
        customer_uin,
        is_own_bill,
        bill_month,
        product_code,
        product_name,
        region_name,
        pay_mode_name,
        transaction_type,
        billing_currency,
        count(*) as row_count
    from restatement_lines
    group by
        account,
        customer_uin,
        is_own_bill,
        bill_month,
        product_code,
        product_name,
        region_name,
        pay_mode_name,
        transaction_type,
        billing_currency
    having count(*) > 1
)

select * from final
