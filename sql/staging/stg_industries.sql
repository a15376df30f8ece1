-- Industries that a customer's account can have, with their subindustries, by snapshot day.
-- Grain: one row per subindustry; one for an industry without subindustries.
-- Never count across days or accounts: each gets the same list.
with

landed as (
    select * from raw.industries
),

-- The list is JSON. A value that is not a list is kept as its text, so that the check finds it.
renamed as (
    select
        _account as account,
        try_cast(snapshot_date as date) as snapshot_date,
        nullif(nullif(trim(Id), ''), '-') as industry_id,
        nullif(nullif(trim(Name), ''), '-') as industry_name,
        nullif(nullif(nullif(trim(Children), ''), '-'), '[]') as children,
        coalesce(nullif(try(json_extract(Children, '$[*]')), []), [null]) as members,
        _page as page_number,
        _position as page_position,
        _request_id as request_id,
        _fetched_at as fetched_at
    from landed
),

unnested as (
    select
        account,
        snapshot_date,
        industry_id,
        industry_name,
        children,
        unnest(members) as child,
        unnest(range(len(members))) as list_position,
        page_number,
        page_position,
        request_id,
        fetched_at
    from renamed
),

parsed as (
    select
        account,
        snapshot_date,
        industry_id,
        industry_name,
        list_position,
        coalesce(json_type(child) = 'OBJECT', false) as is_child,
        coalesce(cast(child as varchar), children) as child_text,
        nullif(nullif(trim(json_extract_string(child, 'Id')), ''), '-') as subindustry_id,
        nullif(nullif(trim(json_extract_string(child, 'Name')), ''), '-') as subindustry_name,
        nullif(
            nullif(trim(json_extract_string(child, 'TradeInfo')), ''), '-'
        ) as subindustry_info,
        page_number,
        page_position,
        request_id,
        fetched_at
    from unnested
),

final as (
    select
        account,
        snapshot_date,
        industry_id,
        industry_name,
        case when is_child then list_position end as subindustry_position,
        subindustry_id,
        subindustry_name,
        subindustry_info,
        page_number,
        page_position,
        request_id,
        fetched_at,
        struct_pack(
            subindustry_position := case when not is_child then child_text end
        ) as source
    from parsed
)

select * from final
