-- The month summed up from every source. Grain: one row per currency and source.
with

of_customers as (
    select
        billing_currency,
        detail_cost,
        unnest([
            { 'position': 1, 'name': 'Summary', 'cost': summary_cost },
            { 'position': 2, 'name': 'By product', 'cost': by_product_cost },
            { 'position': 3, 'name': 'By region', 'cost': by_region_cost },
            { 'position': 4, 'name': 'By pay mode', 'cost': by_pay_mode_cost }
        ]) as side
    from main.rpt_reconciliation
    where
        not $is_own_bill and account = $account and bill_month = $month
        and is_counted and billing_currency is not null
),

summed as (
    select
        billing_currency,
        side.position,
        side.name,
        sum(side.cost) as cost,
        sum(side.cost - detail_cost) as difference,
        count(*) filter (where side.cost is null or detail_cost is null) as missing,
        -- The API sends the summary as a double, so it is compared as one.
        count(*) filter (
            where case
                when side.position = 1
                    then cast(side.cost as double) <> cast(detail_cost as double)
                else side.cost <> detail_cost
            end
        ) as differing,
        false as is_informative
    from of_customers
    group by all
),

of_own as (
    select
        billing_currency,
        5 as position,
        upper(left(compared_with, 1))
        || substr(compared_with, 2)
        || coalesce(' ' || tag_key, '') as name,
        compared_cost as cost,
        compared_cost - detail_cost as difference,
        cast(compared_cost is null as bigint) as missing,
        cast(compared_cost <> detail_cost as bigint) as differing,
        is_informative
    from main.rpt_own_reconciliation
    where
        $is_own_bill and account = $account and bill_month = $month and billing_currency is not null
),

final as (
    select * from summed
    union all by name
    select * from of_own
)

select * exclude (position) replace (coalesce(differing, 0) as differing)
from final
order by billing_currency, is_informative, position, name
