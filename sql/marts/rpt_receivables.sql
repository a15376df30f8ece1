-- What customers owe, by the age of the bill.
-- Grain: one row per account, customer and bill month of which something is, or may be, unpaid.
-- Amounts may be summed over customers and months of one billing_currency. Where unpaid_cost is
-- null it is not known, and no sum includes it.
with

receivables as (
    select * from main.fct_receivables
),

landed_lists as (
    select * from staging.stg_landed_files
    where snapshot_date is not null
),

-- The day is that of the account's newest list, not of a clock: every run fetches the lists.
lists_dated as (
    select
        account,
        max(snapshot_date) as as_of_date
    from landed_lists
    group by account
),

dated as (
    select
        receivables.account,
        receivables.customer_uin,
        receivables.bill_month,
        receivables.billing_currency,
        receivables.billed_cost,
        receivables.unpaid_cost,
        receivables.paid_cost,
        receivables.reason,
        receivables.as_of_at,
        coalesce(lists_dated.as_of_date, cast(receivables.as_of_at as date)) as as_of_date,
        -- Bills are issued at 01:00 on the 5th of the next month, UTC+8 (document 1085/48339).
        cast(receivables.bill_month || '-01 00:00:00+08:00' as timestamptz)
        + interval 1 month + interval 97 hours as billed_at
    from receivables
    left join lists_dated on receivables.account = lists_dated.account
    where receivables.unpaid_cost is null or receivables.unpaid_cost <> 0
),

aged as (
    select
        account,
        customer_uin,
        bill_month,
        billing_currency,
        billed_cost,
        unpaid_cost,
        paid_cost,
        reason,
        as_of_at,
        as_of_date,
        billed_at,
        as_of_date - cast(billed_at as date) as age_days
    from dated
),

final as (
    select
        account,
        customer_uin,
        bill_month,
        billing_currency,
        billed_cost,
        unpaid_cost,
        paid_cost,
        billed_at,
        as_of_date,
        case when age_days >= 0 then age_days end as age_days,
        case
            when age_days < 0 then 'not billed yet'
            when unpaid_cost is null then 'unknown'
            when age_days = 0 then 'current'
            when age_days <= 30 then '1-30'
            when age_days <= 60 then '31-60'
            when age_days <= 90 then '61-90'
            else 'over 90'
        end as age_bucket,
        coalesce(unpaid_cost < 0, false) as is_credit,
        case
            when age_days < 0 then 'The month''s bill is not issued yet.'
            when unpaid_cost is null and billed_at > as_of_at
                then 'The bill was issued after the month was last requested.'
            else reason
        end as reason,
        as_of_at
    from aged
)

select * from final
