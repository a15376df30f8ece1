-- Descriptions of all published tables and columns, as in docs/dictionary.md.
-- Grain: one row per column of a published table or view.
-- The release describes itself: the same texts are the comments on its tables and columns.
with

listed as (
    select unnest(getvariable('columns'), recursive := true)
)

select
    schema_name,
    table_name,
    column_name,
    cast(position as bigint) as column_position,
    column_type,
    unit,
    description,
    is_key,
    table_description,
    grain
from listed
