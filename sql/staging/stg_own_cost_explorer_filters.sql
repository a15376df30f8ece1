-- Filters that cost explorer offers for a month: kinds, and the keys of each.
-- Grain: one row per account, bill month, kind of filter and key.
-- Nothing to sum.
with

landed as (
    select * from raw.own_cost_explorer_filters
),

-- Each kind is a JSON list of keys and names.
listed as (
    select
        _account as account,
        bill_month,
        unnest([
            'Business',
            'Region',
            'Zone',
            'ActionType',
            'PayMode',
            'Project',
            'PayerUin',
            'OwnerUin'
        ]) as filter_kind,
        unnest([
            Business,
            Region,
            Zone,
            ActionType,
            PayMode,
            Project,
            PayerUin,
            OwnerUin
        ]) as entries,
        _page as page_number,
        _position as page_position,
        _request_id as request_id,
        _fetched_at as fetched_at
    from landed
),

unnested as (
    select
        account,
        bill_month,
        filter_kind,
        unnest(
            try(from_json(entries, '[{"Key": "VARCHAR", "Value": "VARCHAR"}]'))
        ) as entry,
        page_number,
        page_position,
        request_id,
        fetched_at
    from listed
),

final as (
    select
        account,
        bill_month,
        filter_kind,
        entry.Key as filter_key,
        entry.Value as filter_name,
        page_number,
        page_position,
        request_id,
        fetched_at
    from unnested
)

select * from final
