-- All landed files that this release holds.
-- Grain: one row per landed file.
-- Never sum rows of different datasets: they count different things.
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
