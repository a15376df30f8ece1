-- The month and the one before. Grain: one row per currency and value of a dimension.
with

grouped as (
    select
        billing_currency,
        case
            when grouping(customer_uin) = 0 then 'customer'
            when grouping(product_name) = 0 then 'product'
            when grouping(region_name) = 0 then 'region'
            else 'pay_mode'
        end as dimension,
        customer_uin,
        case
            when grouping(product_name) = 0 then product_name
            when grouping(region_name) = 0 then region_name
            else pay_mode_name
        end as name,
        sum(billed_cost) filter (where bill_month = $month) as billed_cost,
        sum(billed_cost) filter (where bill_month = $previous_month) as previous_cost
    from report_costs
    where bill_month in ($month, $previous_month)
    group by grouping sets (
        (billing_currency, customer_uin),
        (billing_currency, product_name),
        (billing_currency, region_name),
        (billing_currency, pay_mode_name)
    )
)

select
    grouped.billing_currency,
    grouped.dimension,
    case
        when grouped.dimension <> 'customer' then grouped.name
        when grouped.customer_uin is null then '(no customer)'
        else customers.customer_name
    end as name,
    grouped.customer_uin as note,
    coalesce(grouped.billed_cost, 0) as billed_cost,
    case when $has_previous then coalesce(grouped.previous_cost, 0) end as previous_cost
from grouped
left join main.dim_customers as customers
    on customers.account = $account and grouped.customer_uin = customers.customer_uin
where not ($is_own_bill and grouped.dimension = 'customer')
order by
    grouped.billing_currency asc,
    grouped.dimension asc,
    coalesce(grouped.billed_cost, 0) desc,
    grouped.name,
    note asc
