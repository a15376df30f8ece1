-- The landed files, as their manifests describe them.
-- Grain: one row per landed file: per dataset, account and bill month, bill day or snapshot day.
-- Rows of different datasets are different things: never sum their counts.
select
    path,
    digest,
    dataset,
    account,
    partition_key,
    case
        when kind = 'bill_month' then partition_key
        when kind = 'bill_date' then left(partition_key, 7)
    end as bill_month,
    calendar_day(case when kind = 'bill_date' then partition_key end) as bill_date,
    calendar_day(case when kind = 'snapshot_date' then partition_key end) as snapshot_date,
    month_state,
    state,
    rows as landed_rows,
    expected_rows,
    instant(requested_from) as requested_from_at,
    instant(requested_to) as requested_to_at,
    instant(first_landed_at) as first_landed_at,
    code_version,
    run_id
from raw.landed_files
