-- No day occurs twice.
-- Grain: one row per key that occurs more than once.
with

dates as (
    select * from main.dim_dates
),

final as (
    select
        calendar_date,
        count(*) as row_count
    from dates
    group by calendar_date
    having count(*) > 1
)

select * from final
