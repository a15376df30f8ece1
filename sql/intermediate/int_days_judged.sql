-- Bills by day that are missing, stale or not proven.
-- Grain: one row per account, dataset, bill month, customer (null: all) and kind of problem.
-- Nothing to sum.
with

months_landed as (
    select * from intermediate.int_months_spanned
    where is_landed
),

lake_dated as (
    select cast(max(requested_to_at) as date) as requested_date from staging.stg_landed_files
),

days_landed as (
    select
        account,
        dataset,
        bill_month,
        min(bill_date) as first_date,
        max(bill_date) as last_landed_date,
        max(requested_to_at) as requested_to_at,
        list(bill_date) as dates,
        list(bill_date order by bill_date) filter (
            where
            requested_to_at < cast(bill_date || ' 00:00:00+08:00' as timestamptz) + interval 1 day
        ) as short_dates
    from staging.stg_landed_files
    where bill_date is not null
    group by all
),

-- Days are expected from the first one that landed, since earlier ones are never requested: to the
-- end of a month that is over, else to the last one that landed. A month that was first requested
-- after its bill was issued has no days. Until the bill is issued, each run requests the last three
-- days again.
days_compared as (
    select
        months_landed.account,
        months_landed.bill_month,
        months_landed.is_issued,
        lake_dated.requested_date,
        expected.dataset,
        expected.action_name,
        days_landed.requested_to_at,
        list_filter(
            cast(
                generate_series(
                    days_landed.first_date,
                    case
                        when months_landed.as_of_date > months_landed.last_date
                            then months_landed.last_date
                        else days_landed.last_landed_date
                    end,
                    interval 1 day
                ) as date[]
            ),
            lambda day: not list_contains(days_landed.dates, day)
        ) as missing_dates,
        list_filter(
            days_landed.short_dates,
            lambda day: months_landed.is_issued or day < first_day_again(months_landed.as_of_date)
        ) as short_dates
    from months_landed
    cross join lake_dated
    inner join intermediate.int_datasets_expected as expected
        on months_landed.account = expected.account and expected.partition_kind = 'bill_date'
    left join days_landed
        on
            months_landed.account = days_landed.account
            and months_landed.bill_month = days_landed.bill_month
            and expected.dataset = days_landed.dataset
),

days_missing as (
    select
        account,
        dataset,
        bill_month,
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
    union all by name
    select
        account,
        dataset,
        bill_month,
        'missing' as problem,
        'Days are missing: ' || array_to_string(missing_dates, ', ') || '.' as reason,
        is_issued as is_full,
        requested_to_at as landed_at
    from days_compared
    where len(missing_dates) > 0
    union all by name
    select
        account,
        dataset,
        bill_month,
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
        case when bool_or(landed_slices.proof = 'failed') then 'failed' else 'unproven' end
            as problem,
        concat_ws(
            ' ',
            'Days are not proven: '
            || string_agg(
                cast(landed_slices.bill_date as varchar), ', ' order by landed_slices.bill_date
            )
            || '.',
            arg_max(landed_slices.reason, landed_slices.bill_date)
        ) as reason,
        any_value(months_landed.is_issued)
        or min(landed_slices.bill_date) < first_day_again(any_value(months_landed.as_of_date))
            as is_full,
        min(landed_slices.proven_at) as landed_at
    from staging.stg_landed_slices as landed_slices
    inner join months_landed using (account, bill_month)
    where
        landed_slices.bill_date is not null
        and landed_slices.is_listed
        and landed_slices.proof <> 'proven'
    group by all
)

select * from days_missing
union all by name
select * from days_unproven
