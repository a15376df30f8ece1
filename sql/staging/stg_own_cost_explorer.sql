-- An end customer's own cost by dimension and day, from cost explorer.
-- Grain: one row per account, bill month, dimension (with its tag key), kind of fee, group and day.
-- Every dimension and every kind of fee covers the same money: sum within one of each. group_cost
-- is repeated on each row of its group: never sum it. A group without days has one row, with no
-- date.
-- `_slice_params` is JSON: dimension, kind of fee, tag key. ItemDetail is a JSON list of days.
with

unnested as (
    select
        *,
        unnest(list_entries(ItemDetail)) as item
    from raw.own_cost_explorer
)

select
    _account as account,
    bill_month,
    try(_slice_params ->> 'Dimension') as dimension,
    try(_slice_params ->> 'TagKey') as tag_key,
    try(_slice_params ->> 'FeeType') as fee_type,
    mask_emails(text(Code)) as group_code,
    mask_emails(text(Name)) as group_name,
    calendar_day(coalesce(item.json ->> 'Period', item.text)) as cost_date,
    money(item.json ->> 'Cost') as daily_cost,
    money(SumCost) as group_cost,
    _page as page_number,
    _position as page_position,
    _request_id as request_id,
    _fetched_at as fetched_at
from unnested
