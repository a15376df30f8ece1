-- Which bills by day are missing, stale or not proven.
-- Grain: one row per account, dataset, bill month, customer (null: all) and kind of problem.
-- Nothing to sum.
with

landed_files as (
    select * from staging.stg_landed_files
),

landed_customers as (
    select * from staging.stg_landed_slices
),

expected as (
    select * from intermediate.int_datasets_expected
    where partition_kind = 'bill_date'
),

months_asked as (
    select * from intermediate.int_months_spanned
    where is_asked
),

lake_seen as (
    select cast(max(requested_to_at) as date) as asked_date from landed_files
),

days_landed as (
    select
        account,
        dataset,
        bill_month,
        min(bill_date) as first_date,
        max(bill_date) as last_date,
        max(requested_to_at) as requested_to_at,
        list(bill_date) as dates,
        list(bill_date order by bill_date) filter (
            where
            requested_to_at < cast(bill_date || ' 00:00:00+08:00' as timestamptz) + interval 1 day
        ) as short_dates
    from landed_files
    where bill_date is not null
    group by account, dataset, bill_month
),

days_expected as (
    select
        months_asked.account,
        months_asked.bill_month,
        months_asked.is_issued,
        months_asked.as_of_date,
        lake_seen.asked_date,
        expected.dataset,
        expected.action_name,
        days_landed.first_date,
        case
            when months_asked.as_of_date > months_asked.last_date then months_asked.last_date
            else days_landed.last_date
        end as last_date,
        days_landed.requested_to_at,
        days_landed.dates,
        days_landed.short_dates
    from months_asked
    cross join lake_seen
    inner join expected on months_asked.account = expected.account
    left join days_landed
        on
            months_asked.account = days_landed.account
            and months_asked.bill_month = days_landed.bill_month
            and expected.dataset = days_landed.dataset
),

-- Days are expected from the first that was asked, since nobody asks those before: of a month that
-- is over to its end, of one that runs to the last that landed. A month that was asked only after
-- its bill was out has none. The last three days of a month whose bill is not out are asked again
-- by themselves.
days_compared as (
    select
        account,
        bill_month,
        is_issued,
        asked_date,
        dataset,
        action_name,
        requested_to_at,
        list_filter(
            cast(generate_series(first_date, last_date, interval 1 day) as date[]),
            lambda day: not list_contains(dates, day)
        ) as missing_dates,
        list_filter(
            short_dates,
            lambda day: is_issued or day < as_of_date - 2
        ) as short_dates
    from days_expected
),

days_not_whole as (
    select
        account,
        dataset,
        bill_month,
        null as customer_uin,
        case when requested_to_at is null then 'missing' else 'stale' end as problem,
        case
            when requested_to_at is null
                then
                    'No day is landed: none was asked yet, or the account may not call '
                    || action_name || '.'
            else
                'The last days were asked on ' || cast(requested_to_at as date)
                || ', the newest landing is of ' || asked_date || '.'
        end as reason,
        false as is_full,
        requested_to_at as landed_at
    from days_compared
    where
        not is_issued
        and (requested_to_at is null or cast(requested_to_at as date) < asked_date)
    union all
    select
        account,
        dataset,
        bill_month,
        null as customer_uin,
        'missing' as problem,
        'Days are missing: ' || array_to_string(missing_dates, ', ') || '.' as reason,
        is_issued as is_full,
        requested_to_at as landed_at
    from days_compared
    where len(missing_dates) > 0
    union all
    select
        account,
        dataset,
        bill_month,
        null as customer_uin,
        'stale' as problem,
        'Days were last asked before they were over: '
        || array_to_string(short_dates, ', ') || '.' as reason,
        true as is_full,
        requested_to_at as landed_at
    from days_compared
    where len(short_dates) > 0
),

days_of_customers as (
    select
        landed_customers.account,
        landed_customers.dataset,
        landed_customers.bill_month,
        landed_customers.customer_uin,
        case
            when bool_or(landed_customers.proof = 'failed') then 'failed' else 'unproven'
        end as problem,
        concat_ws(
            ' ',
            'Days are not proven: '
            || string_agg(
                cast(landed_customers.bill_date as varchar),
                ', ' order by landed_customers.bill_date
            )
            || '.',
            arg_max(landed_customers.reason, landed_customers.bill_date)
        ) as reason,
        months_asked.is_issued
        or min(landed_customers.bill_date) < months_asked.as_of_date - 2 as is_full,
        min(landed_customers.proven_at) as landed_at
    from landed_customers
    inner join months_asked
        on
            landed_customers.account = months_asked.account
            and landed_customers.bill_month = months_asked.bill_month
    where
        landed_customers.bill_date is not null
        and landed_customers.is_listed
        and landed_customers.proof <> 'proven'
    group by
        landed_customers.account,
        landed_customers.dataset,
        landed_customers.bill_month,
        landed_customers.customer_uin,
        months_asked.is_issued,
        months_asked.as_of_date
),

final as (
    select
        account,
        dataset,
        bill_month,
        customer_uin,
        problem,
        reason,
        is_full,
        landed_at
    from days_not_whole
    union all
    select
        account,
        dataset,
        bill_month,
        customer_uin,
        problem,
        reason,
        is_full,
        landed_at
    from days_of_customers
)

select * from final
