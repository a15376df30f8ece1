-- The landed files, as their manifests describe them.
-- Grain: one row per landed file: per dataset, account and bill month, bill day or snapshot day.
-- Rows of different datasets are different things: never sum their counts.
with

landed as (
    select * from raw.landed_files
),

final as (
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
        case when kind = 'bill_date' then try_cast(partition_key as date) end as bill_date,
        case when kind = 'snapshot_date' then try_cast(partition_key as date) end as snapshot_date,
        month_state,
        state,
        rows as landed_rows,
        expected_rows,
        try_cast(requested_from as timestamptz) as requested_from_at,
        try_cast(requested_to as timestamptz) as requested_to_at,
        try_cast(first_landed_at as timestamptz) as first_landed_at,
        code_version,
        run_id
    from landed
)

select * from final
