-- What is missing, stale or not proven, and the one command that fixes it.
-- Grain: one row per account, dataset, bill month and customer with a problem.
-- There is nothing to sum: one cause may show in several datasets, and one command fixes them
-- together.
with

-- Age is measured against the newest landing, not against a clock.
lake_dated as (
    select max(requested_to_at) as as_of_at from staging.stg_landed_files
),

gathered as (
    select * from intermediate.int_months_judged
    union all by name
    select * from intermediate.int_customers_judged
    union all by name
    select * from intermediate.int_days_judged
    union all by name
    select * from intermediate.int_lists_judged
    union all by name
    select
        account,
        dataset,
        bill_month,
        'unreadable' as problem,
        reason || case
            when bill_month is null
                then
                    ' A snapshot of a past day cannot be taken again: put the file back from a '
                    || 'backup, or delete unreadable-*.txt to go on without it.'
            else ''
        end as reason,
        partition_key <> bill_month as is_full
    from staging.stg_unreadable_files
),

-- Several slices, such as vouchers, share a row: their worst problem and all their reasons.
grouped as (
    select
        account,
        dataset,
        bill_month,
        customer_uin,
        arg_min(
            problem,
            list_position(
                ['unreadable', 'missing', 'not_allowed', 'failed', 'unproven', 'stale', 'left'],
                problem
            )
        ) as problem,
        -- What is set aside has landed, so it is not said to be missing.
        coalesce(
            string_agg(distinct reason, ' ' order by reason) filter (where problem = 'unreadable'),
            string_agg(distinct reason, ' ' order by reason)
        ) as reason,
        coalesce(bool_or(is_full), false) as is_full,
        min(landed_at) as landed_at
    from gathered
    group by all
)

select
    grouped.* exclude (is_full),
    case
        when grouped.problem <> 'left'
            then
                '.venv/bin/python -m assets '
                || case
                    when grouped.bill_month is null then 'snapshots'
                    else
                        'month ' || grouped.bill_month
                        || case when grouped.is_full then ' --full' else '' end
                end
                || ' --account ' || grouped.account
    end as heal_command,
    lake_dated.as_of_at
from grouped
cross join lake_dated
