-- Every region name on bills, with the region id that summaries have for it.
-- Grain: one row per name and id of a region.
-- Bill lines have names only; a name that no summary has is here without an id.
with

named as (
    select
        region_name,
        null as region_id,
        bill_month
    from intermediate.int_monthly_costs
    union all by name
    select
        region_name,
        region_id,
        bill_month
    from staging.stg_bill_summary_by_region
),

grouped as (
    select
        region_name,
        region_id,
        min(bill_month) as first_month,
        max(bill_month) as last_month
    from named
    group by all
)

-- The months of a name include those of its bill lines, which have no id.
select
    region_name,
    region_id,
    min(first_month) over same_name as first_bill_month,
    max(last_month) over same_name as last_bill_month
from grouped
window same_name as (partition by region_name)
qualify region_id is not null or count(region_id) over same_name = 0
