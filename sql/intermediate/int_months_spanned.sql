-- The bill months that each account is expected to have, and which of them landed.
-- Grain: one row per account and month, from the account's first landed month to the last landed
-- month of any account or the last month that is over, whichever is later.
-- Nothing to sum.
with

landed_files as (
    select * from staging.stg_landed_files
),

-- The clock is not read. Every run takes snapshots, so the newest one of any account gives the day.
lake_dated as (
    select
        coalesce(max(snapshot_date), cast(max(requested_to_at) as date)) as as_of_date,
        max(bill_month) filter (where bill_date is null) as last_month
    from landed_files
),

months_landed as (
    select
        account,
        bill_month,
        bool_or(month_state = 'issued') as is_issued,
        bool_or(dataset like '%bill_detail_files' and month_state = 'issued') as has_line_files
    from landed_files
    where bill_month is not null and bill_date is null
    group by all
),

months_spanned as (
    select
        months_landed.account,
        unnest(
            generate_series(
                month_start(min(months_landed.bill_month)),
                greatest(
                    month_start(max(lake_dated.last_month)),
                    date_trunc('month', max(lake_dated.as_of_date)) - interval 1 month
                ),
                interval 1 month
            )
        ) as first_date
    from months_landed
    cross join lake_dated
    group by months_landed.account
)

-- On the day on which a bill is issued the month counts as issued only if a landing of any account
-- has recorded it so.
select
    months_spanned.account,
    strftime(months_spanned.first_date, '%Y-%m') as bill_month,
    last_day(months_spanned.first_date) as last_date,
    coalesce(bool_or(months_landed.is_issued) over same_month, false)
    or lake_dated.as_of_date > cast(issued_at(strftime(months_spanned.first_date, '%Y-%m')) as date)
        as is_issued,
    months_landed.bill_month is not null as is_landed,
    coalesce(months_landed.has_line_files, false) as has_line_files,
    lake_dated.as_of_date
from months_spanned
cross join lake_dated
left join months_landed
    on
        months_spanned.account = months_landed.account
        and strftime(months_spanned.first_date, '%Y-%m') = months_landed.bill_month
window same_month as (partition by months_spanned.first_date)
