-- List price and effective price of each customer's usage, by component and region.
-- Grain: one row per account, customer, bill month, component with its product, region, pay mode,
-- units and currency.
-- Lines without a price are left out: those without usage, with negative usage or cost, and
-- refunds, adjustments and guarantees. Costs may be summed within one currency, quantities within
-- one unit, prices never.
with

-- Refunds, adjustments and lines without usage have no price: they correct other charges. The
-- product of two numbers with 18 decimals does not fit into 38 digits, so both are rounded to 9. If
-- a product or a possible sum of it is still too large, the price becomes null; the build goes on.
priced as (
    select
        *,
        try_cast(
            try(
                cast(consumed_quantity as decimal(38, 9))
                * cast(coalesce(usage_duration, 1) as decimal(38, 9))
            ) as decimal(34, 18)
        ) as quantity_priced
    from main.fct_bill_lines
    where
        consumed_quantity > 0
        and coalesce(usage_duration, 1) > 0
        and coalesce(contracted_cost, 0) >= 0
        and not is_correction(transaction_type)
),

components_summed as (
    select
        account,
        customer_uin,
        bill_month,
        product_code,
        product_name,
        component_type_code,
        component_type_name,
        component_code,
        component_name,
        region_name,
        pay_mode_name,
        pricing_unit,
        consumed_unit,
        usage_duration_unit,
        billing_currency,
        count(*) as line_count,
        whole_sum(quantity_priced) as priced_quantity,
        min(list_unit_price) as min_list_unit_price,
        max(list_unit_price) as max_list_unit_price,
        whole_sum(list_cost) as list_cost,
        whole_sum(contracted_cost) as contracted_cost
    from priced
    group by all
)

select
    *,
    list_cost - contracted_cost as discount_amount,
    case when priced_quantity > 0 then contracted_cost / priced_quantity end
        as effective_unit_price,
    case when list_cost > 0 then (list_cost - contracted_cost) / list_cost end as discount_ratio
from components_summed
