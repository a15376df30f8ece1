-- No two regions share name and id.
-- Grain: one row per key that occurs more than once.
with

regions as (
    select * from main.dim_regions
),

final as (
    select
        region_name,
        region_id,
        count(*) as row_count
    from regions
    group by region_name, region_id
    having count(*) > 1
)

select * from final
