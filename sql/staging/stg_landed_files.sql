-- The landed files, as their manifests describe them.
-- Grain: one row per landed file, that is per dataset, account and bill month, bill day or day.
-- Rows of different datasets are different things: never sum them.
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
        key as partition_key,
        case
            when kind = 'bill_month' then key
            when kind = 'bill_date' then left(key, 7)
        end as bill_month,
        case when kind = 'bill_date' then try_cast(key as date) end as bill_date,
        case when kind = 'snapshot_date' then try_cast(key as date) end as snapshot_date,
        month_state,
        state,
        rows as landed_rows,
        expected_rows,
        try_cast(asked_from as timestamptz) as asked_from_at,
        try_cast(asked_to as timestamptz) as asked_to_at,
        try_cast(first_landed_at as timestamptz) as first_landed_at,
        code_version,
        run_id
    from landed
)

select * from final
