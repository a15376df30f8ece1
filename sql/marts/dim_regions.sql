-- Every region name on bills, with the region id that summaries have for it.
-- Grain: one row per name and id of a region.
-- Bill lines have names only; a name that no summary has is here without an id.
with

monthly_costs as (
    select * from main.fct_monthly_costs
),

own_monthly_costs as (
    select * from main.fct_own_monthly_costs
),

region_summaries as (
    select * from staging.stg_bill_summary_by_region
),

named as (
    select
        region_name,
        null as region_id,
        bill_month
    from monthly_costs
    union all
    select
        region_name,
        null as region_id,
        bill_month
    from own_monthly_costs
    union all
    select
        region_name,
        region_id,
        bill_month
    from region_summaries
),

grouped as (
    select
        region_name,
        region_id,
        min(bill_month) as first_bill_month,
        max(bill_month) as last_bill_month
    from named
    group by region_name, region_id
),

-- The months of a name include those of its bill lines, which have no id.
final as (
    select
        region_name,
        region_id,
        min(first_bill_month) over same_name as first_bill_month,
        max(last_bill_month) over same_name as last_bill_month
    from grouped
    window same_name as (partition by region_name)
    qualify region_id is not null or count(region_id) over same_name = 0
)

select * from final
