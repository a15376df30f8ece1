-- Filters that cost explorer offers for a month: kinds, and the keys of each.
-- Grain: one row per account, bill month, kind of filter and key.
-- Nothing to sum.
with

-- Each kind of filter is a column of its own, with a JSON list of keys and names.
listed as (
    unpivot raw.own_cost_explorer_filters
    on Business, Region, Zone, ActionType, PayMode, Project, PayerUin, OwnerUin
    into name filter_kind value entries
),

unnested as (
    select
        *,
        unnest(try(from_json(entries, '[{"Key": "VARCHAR", "Value": "VARCHAR"}]'))) as entry
    from listed
)

select
    _account as account,
    bill_month,
    filter_kind,
    entry.Key as filter_key,
    entry.Value as filter_name,
    _page as page_number,
    _position as page_position,
    _request_id as request_id,
    _fetched_at as fetched_at
from unnested
