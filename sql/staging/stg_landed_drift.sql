-- Changes in the fields and values of each dataset since it first landed.
-- Grain: one row per dataset, account, kind of change, field and value.
-- A change that is over keeps its row, with the time when it was last seen.
with

landed as (
    select * from raw.drift
),

final as (
    select
        dataset,
        account,
        kind,
        field,
        value,
        try_cast(first_seen_at as timestamptz) as first_seen_at,
        try_cast(last_seen_at as timestamptz) as last_seen_at,
        first_key
    from landed
)

select * from final
