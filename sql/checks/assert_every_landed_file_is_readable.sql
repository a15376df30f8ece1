-- Every landed file could be read, and holds the rows that landed.
-- Grain: one row per file that could not be read.
select
    dataset,
    account,
    partition_key,
    reason
from meta.unreadable_files
