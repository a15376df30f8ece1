-- The landed files that this release holds, all of them.
-- Grain: one row per landed file, that is per dataset, account and bill month, bill day or day.
-- Rows of different datasets are different things: never sum them.
with

landed_files as (
    select * from staging.stg_landed_files
),

final as (
    select
        path,
        digest,
        dataset,
        account,
        partition_key,
        bill_month,
        bill_date,
        snapshot_date,
        month_state,
        state,
        landed_rows,
        expected_rows,
        requested_from_at,
        requested_to_at,
        first_landed_at,
        code_version,
        run_id
    from landed_files
)

select * from final
