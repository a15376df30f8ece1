-- Calendar of every day that figures may belong to (UTC+8), from the year before the first landed
-- month or day to the year after the last.
-- Grain: one row per day.
-- A day is here whether or not anything landed for it.
with

landed_dates as (
    select coalesce(snapshot_date, bill_date, cast(bill_month || '-01' as date)) as landed_date
    from staging.stg_landed_files
),

bounded as (
    select
        cast(date_trunc('year', min(landed_date)) - interval 1 year as date) as first_date,
        cast(date_trunc('year', max(landed_date)) + interval 2 year as date) as end_date
    from landed_dates
),

days as (
    select cast(unnest(range(first_date, end_date, interval 1 day)) as date) as calendar_date
    from bounded
)

select
    calendar_date,
    strftime(calendar_date, '%Y-%m') as bill_month,
    year(calendar_date) as calendar_year,
    quarter(calendar_date) as calendar_quarter,
    month(calendar_date) as calendar_month,
    monthname(calendar_date) as month_name,
    day(calendar_date) as day_of_month,
    isodow(calendar_date) as day_of_week,
    dayname(calendar_date) as weekday_name,
    isodow(calendar_date) >= 6 as is_weekend,
    calendar_date = last_day(calendar_date) as is_month_end,
    day(last_day(calendar_date)) as days_in_month
from days
