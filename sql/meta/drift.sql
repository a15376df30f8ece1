-- Changes in the shape of the API's answers, by dataset and account: new, lost or empty fields and
-- unknown values.
-- Grain: one row per dataset, account, kind of change, field and value.
-- A change that went away stays, with the time when it was last seen.
with

landed_drift as (
    select * from staging.stg_landed_drift
),

final as (
    select
        account,
        dataset,
        kind,
        field,
        value,
        first_seen_at,
        last_seen_at,
        first_key
    from landed_drift
)

select * from final
