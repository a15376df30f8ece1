-- Industries that a customer's account can have, with their subindustries, by snapshot day.
-- Grain: one row per subindustry; one for an industry without subindustries.
-- Never count across days or accounts: each gets the same list.
with

unnested as (
    select
        *,
        unnest(list_entries(Children)) as child
    from raw.industries
)

select
    _account as account,
    calendar_day(snapshot_date) as snapshot_date,
    text(Id) as industry_id,
    text(Name) as industry_name,
    entry_position(child.text, child.place) as subindustry_position,
    text(child.json ->> 'Id') as subindustry_id,
    text(child.json ->> 'Name') as subindustry_name,
    text(child.json ->> 'TradeInfo') as subindustry_info,
    _page as page_number,
    _position as page_position,
    _request_id as request_id,
    _fetched_at as fetched_at
from unnested
