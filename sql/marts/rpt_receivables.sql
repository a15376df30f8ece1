-- What customers owe, by the age of the bill.
-- Grain: one row per account, customer and bill month of which something is, or may be, unpaid.
-- Amounts may be summed over customers and months of one billing_currency. Where unpaid_cost is
-- null it is not known, and no sum includes it.
with

-- The day is that of the account's newest list, not of a clock: every run fetches the lists.
lists_dated as (
    select
        account,
        max(snapshot_date) as listed_date
    from staging.stg_landed_files
    group by all
),

aged as (
    select
        receivables.*,
        coalesce(lists_dated.listed_date, cast(receivables.as_of_at as date)) as as_of_date,
        issued_at(receivables.bill_month) as billed_at,
        as_of_date - cast(billed_at as date) as days_since_issue
    from main.fct_receivables as receivables
    left join lists_dated using (account)
    where receivables.unpaid_cost is null or receivables.unpaid_cost <> 0
)

select
    * exclude (month_state, days_since_issue) replace (
        case
            when days_since_issue < 0 then 'The month''s bill is not issued yet.'
            when unpaid_cost is null and billed_at > as_of_at
                then 'The bill was issued after the month was last requested.'
            else reason
        end as reason
    ),
    case when days_since_issue >= 0 then days_since_issue end as age_days,
    case
        when days_since_issue < 0 then 'not billed yet'
        when unpaid_cost is null then 'unknown'
        when days_since_issue = 0 then 'current'
        when days_since_issue <= 30 then '1-30'
        when days_since_issue <= 60 then '31-60'
        when days_since_issue <= 90 then '61-90'
        else 'over 90'
    end as age_bucket,
    coalesce(unpaid_cost < 0, false) as is_credit
from aged
