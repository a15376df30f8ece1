-- Bills by day that are missing, stale or not proven.
-- Grain: one row per account, dataset, bill month, customer (null: all) and kind of problem.
-- Nothing to sum.
with

landed_files as (
    select * from staging.stg_landed_files
),

landed_slices as (
    select * from staging.stg_landed_slices
),

expected as (
    select * from intermediate.int_datasets_expected
    where partition_kind = 'bill_date'
),

months_landed as (
    select * from intermediate.int_months_spanned
    where is_landed
),

lake_dated as (
    select cast(max(requested_to_at) as date) as requested_date from landed_files
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
        months_landed.account,
        months_landed.bill_month,
        months_landed.is_issued,
        months_landed.as_of_date,
        lake_dated.requested_date,
        expected.dataset,
        expected.action_name,
        days_landed.first_date,
        case
            when months_landed.as_of_date > months_landed.last_date then months_landed.last_date
            else days_landed.last_date
        end as last_date,
        days_landed.requested_to_at,
        days_landed.dates,
        days_landed.short_dates
    from months_landed
    cross join lake_dated
    inner join expected on months_landed.account = expected.account
    left join days_landed
        on
            months_landed.account = days_landed.account
            and months_landed.bill_month = days_landed.bill_month
            and expected.dataset = days_landed.dataset
),

-- Days are expected from the first one that landed, since earlier ones are never requested: to the
-- end of a month that is over, else to the last one that landed. A month that was first requested
-- after its bill was issued has no days. Until the bill is issued, each run requests the last three
-- days again.
days_compared as (
    select
        account,
        bill_month,
        is_issued,
        requested_date,
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

days_missing as (
    select
        account,
        dataset,
        bill_month,
        null as customer_uin,
        case when requested_to_at is null then 'missing' else 'stale' end as problem,
        case
            when requested_to_at is null
                then
                    'No day has landed: none was requested yet, or the account may not call '
                    || action_name || '.'
            else
                'Days were last requested on ' || cast(requested_to_at as date)
                || ', other data on ' || requested_date || '.'
        end as reason,
        false as is_full,
        requested_to_at as landed_at
    from days_compared
    where
        not is_issued
        and (requested_to_at is null or cast(requested_to_at as date) < requested_date)
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
        'Days were last requested before they had ended: '
        || array_to_string(short_dates, ', ') || '.' as reason,
        true as is_full,
        requested_to_at as landed_at
    from days_compared
    where len(short_dates) > 0
),

days_unproven as (
    select
        landed_slices.account,
        landed_slices.dataset,
        landed_slices.bill_month,
        landed_slices.customer_uin,
        case
            when bool_or(landed_slices.proof = 'failed') then 'failed' else 'unproven'
        end as problem,
        concat_ws(
            ' ',
            'Days are not proven: '
            || string_agg(
                cast(landed_slices.bill_date as varchar),
                ', ' order by landed_slices.bill_date
            )
            || '.',
            arg_max(landed_slices.reason, landed_slices.bill_date)
        ) as reason,
        months_landed.is_issued
        or min(landed_slices.bill_date) < months_landed.as_of_date - 2 as is_full,
        min(landed_slices.proven_at) as landed_at
    from landed_slices
    inner join months_landed
        on
            landed_slices.account = months_landed.account
            and landed_slices.bill_month = months_landed.bill_month
    where
        landed_slices.bill_date is not null
        and landed_slices.is_listed
        and landed_slices.proof <> 'proven'
    group by
        landed_slices.account,
        landed_slices.dataset,
        landed_slices.bill_month,
        landed_slices.customer_uin,
        months_landed.is_issued,
        months_landed.as_of_date
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
    from days_missing
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
    from days_unproven
)

select * from final
