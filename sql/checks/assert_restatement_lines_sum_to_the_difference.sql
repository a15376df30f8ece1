-- Credit and debit lines sum to the difference between what is owed and what was closed, bill by
-- bill.
-- Grain: one row per account, customer, bill month and currency where they do not.
with

restatements as (
    select * from main.rpt_restatements
),

restatement_lines as (
    select * from main.rpt_restatement_lines
),

costs as (
    select
        account,
        customer_uin,
        is_own_bill,
        bill_month,
        billing_currency,
        difference,
        0 as line_difference
    from restatements
    where difference is not null
    union all
    select
        account,
        customer_uin,
        is_own_bill,
        bill_month,
        billing_currency,
        0 as difference,
        difference as line_difference
    from restatement_lines
),

final as (
    select
        account,
        customer_uin,
        is_own_bill,
        bill_month,
        billing_currency,
        sum(difference) as difference,
        sum(line_difference) as line_difference
    from costs
    group by account, customer_uin, is_own_bill, bill_month, billing_currency
    having sum(difference) <> sum(line_difference)
)

select * from final
