-- All landed files that this release holds.
-- Grain: one row per landed file.
-- Never sum rows of different datasets: they count different things.
select * from staging.stg_landed_files
