-- Who pays a different price for the same thing?
-- Components that several customers use in one region at different effective prices: list price
-- less discount, per unit. Prices are calculated from rounded costs, so prices within a thousandth
-- of each other are taken as equal.
select
    account,
    component_name,
    region_name,
    pay_mode_name,
    pricing_unit,
    consumed_unit,
    usage_duration_unit,
    count(distinct customer_uin) as customers,
    min(effective_unit_price) as lowest_unit_price,
    max(effective_unit_price) as highest_unit_price,
    case when count(list_cost) = count(*) then sum(list_cost) end as list_cost,
    sum(contracted_cost) as contracted_cost,
    billing_currency
from rpt_unit_prices
where bill_month = getvariable('month') and effective_unit_price > 0
group by
    account,
    component_name,
    region_name,
    pay_mode_name,
    pricing_unit,
    consumed_unit,
    usage_duration_unit,
    billing_currency
having
    count(distinct customer_uin) > 1
    and max(effective_unit_price) > 1.001 * min(effective_unit_price)
order by
    contracted_cost desc,
    account asc,
    component_name asc,
    region_name asc,
    pay_mode_name asc,
    usage_duration_unit asc
limit 10
