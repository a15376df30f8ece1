-- Changes in the fields and values of each dataset since it first landed.
-- Grain: one row per dataset, account, kind of change, field and value.
-- A change that is over keeps its row, with the time when it was last seen.
select
    dataset,
    account,
    kind,
    field,
    value,
    instant(first_seen_at) as first_seen_at,
    instant(last_seen_at) as last_seen_at,
    first_key
from raw.drift
