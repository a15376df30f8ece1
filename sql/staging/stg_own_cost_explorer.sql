-- An end customer's own cost by dimension and day, from cost explorer.
-- Grain: one row per account, bill month, dimension (with its tag key), kind of fee, group and day.
-- Every dimension and every kind of fee covers the same money: sum within one of each. group_cost
-- is repeated on each row of its group: never sum it. A group without days has one row, with no
-- date.
with

landed as (
    select * from raw.own_cost_explorer
),

-- `_slice_params` is JSON: dimension, kind of fee, tag key. ItemDetail is a JSON list of days.
renamed as (
    select
        _account as account,
        bill_month,
        try(json_extract_string(_slice_params, 'Dimension')) as dimension,
        try(json_extract_string(_slice_params, 'TagKey')) as tag_key,
        try(json_extract_string(_slice_params, 'FeeType')) as fee_type,
        nullif(nullif(trim(Code), ''), '-') as group_code,
        nullif(nullif(trim(Name), ''), '-') as group_name,
        nullif(nullif(trim(SumCost), ''), '-') as group_cost,
        nullif(trim(ItemDetail), '') as items,
        try(from_json(ItemDetail, '[{"Period": "VARCHAR", "Cost": "VARCHAR"}]')) as item_list,
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
        dimension,
        tag_key,
        fee_type,
        group_code,
        group_name,
        group_cost,
        case when item_list is null then items end as items,
        unnest(case when len(item_list) > 0 then item_list else [null] end) as item,
        page_number,
        page_position,
        request_id,
        fetched_at
    from renamed
),

final as (
    select
        account,
        bill_month,
        dimension,
        tag_key,
        fee_type,
        mask_emails(group_code) as group_code,
        mask_emails(group_name) as group_name,
        try_cast(item.Period as date) as cost_date,
        try_cast(nullif(nullif(trim(item.Cost), ''), '-') as decimal(38, 8)) as daily_cost,
        try_cast(group_cost as decimal(38, 8)) as group_cost,
        page_number,
        page_position,
        request_id,
        fetched_at,
        -- Days that could not be read are kept as text under cost_date.
        struct_pack(
            cost_date := coalesce(item.Period, items),
            daily_cost := nullif(nullif(trim(item.Cost), ''), '-'),
            group_cost := group_cost
        ) as source
    from unnested
)

select * from final
