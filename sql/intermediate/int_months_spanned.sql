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

month_files as (
    select
        account,
        dataset,
        bill_month,
        month_state
    from landed_files
    where bill_month is not null and bill_date is null
),

months_spanned as (
    select
        month_files.account,
        unnest(
            generate_series(
                cast(min(month_files.bill_month) || '-01' as date),
                greatest(
                    cast(max(lake_dated.last_month) || '-01' as date),
                    date_trunc('month', max(lake_dated.as_of_date)) - interval 1 month
                ),
                interval 1 month
            )
        ) as month_start
    from month_files
    cross join lake_dated
    group by month_files.account
),

months_dated as (
    select
        account,
        strftime(month_start, '%Y-%m') as bill_month,
        last_day(month_start) as last_date
    from months_spanned
),

months_issued as (
    select distinct bill_month from month_files
    where month_state = 'issued'
),

files_summed as (
    select
        account,
        bill_month,
        bool_or(dataset like '%bill_detail_files' and month_state = 'issued') as has_line_files
    from month_files
    group by account, bill_month
),

-- A bill is issued at 01:00 on the 5th of the next month, in UTC+8 (document 1085/48339). On that
-- day itself the month counts as issued only if a landing has recorded it so.
final as (
    select
        months_dated.account,
        months_dated.bill_month,
        months_dated.last_date,
        months_issued.bill_month is not null
        or lake_dated.as_of_date > months_dated.last_date + 5 as is_issued,
        files_summed.bill_month is not null as is_landed,
        coalesce(files_summed.has_line_files, false) as has_line_files,
        lake_dated.as_of_date
    from months_dated
    cross join lake_dated
    left join months_issued on months_dated.bill_month = months_issued.bill_month
    left join files_summed
        on
            months_dated.account = files_summed.account
            and months_dated.bill_month = files_summed.bill_month
)

select * from final
