-- The SQL that this release was made by: models and checks with their digests.
-- Grain: one row per model or check.
-- The digests decide whether a build may be incremental.
with

listed as (
    select unnest(getvariable('models'), recursive := true)
)

select
    name as model_name,
    digest
from listed
