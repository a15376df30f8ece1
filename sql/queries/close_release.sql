-- The release that a month is closed with. Grain: one row.
select
    release_id,
    schema_version,
    code_version
from meta.release
