-- The month by day. Grain: one row per currency, day and product.
with

days as (
    select
        billing_currency,
        usage_date,
        product_name,
        billed_cost
    from main.fct_daily_product_costs
    where not $is_own_bill and account = $account and bill_month = $month
    union all by name
    select
        billing_currency,
        cast(coalesce(usage_start_at, transaction_at) as date) as usage_date,
        product_name,
        billed_cost
    from main.fct_own_bill_lines
    where $is_own_bill and account = $account and bill_month = $month
)

select
    billing_currency,
    coalesce(strftime(usage_date, '%Y-%m-%d'), '') as period,
    product_name,
    sum(billed_cost) as billed_cost,
    true as is_final
from days
group by billing_currency, usage_date, product_name
order by billing_currency, usage_date, product_name
