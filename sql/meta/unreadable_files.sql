-- Landed files that could not be read, and were set aside: their partitions count as missing.
-- Grain: one row per such file that has not landed again.
select * from staging.stg_unreadable_files
