-- The service's total of each customer and day beside the bill lines of that day.
-- Grain: one row per account, customer, bill month and day.
-- billed_cost and usage_billed_cost are the same money: never add them up. They need not agree, nor
-- sum to the month's bill, since it is not documented what the service's day covers. For months use
-- fct_monthly_costs.
with

days as (
    select * from staging.stg_customer_bill_by_day
),

landed_slices as (
    select * from staging.stg_landed_slices
    where dataset = 'customer_bill_by_day'
),

counted as (
    select * from intermediate.int_customer_months_counted
),

customer_months as (
    select * from intermediate.int_customer_months_landed
),

product_costs as (
    select * from main.fct_daily_product_costs
),

days_counted as (
    select
        days.account,
        days.customer_uin,
        days.bill_month,
        days.bill_date,
        days.billed_cost,
        days.request_id,
        days.fetched_at,
        coalesce(landed_slices.proof = 'proven', false) as is_proven
    from days
    left join landed_slices
        on
            days.account = landed_slices.account
            and days.customer_uin = landed_slices.customer_uin
            and days.bill_date = landed_slices.bill_date
    left join counted
        on
            days.account = counted.account
            and days.customer_uin = counted.customer_uin
            and days.bill_month = counted.bill_month
    where coalesce(counted.is_counted, true)
),

usage_summed as (
    select
        account,
        customer_uin,
        bill_month,
        usage_date,
        count(distinct coalesce(billing_currency, '')) as currency_count,
        max(billing_currency) as billing_currency,
        sum(billed_cost) as billed_cost
    from product_costs
    group by account, customer_uin, bill_month, usage_date
),

joined as (
    select
        coalesce(days_counted.account, usage_summed.account) as account,
        coalesce(days_counted.customer_uin, usage_summed.customer_uin) as customer_uin,
        coalesce(days_counted.bill_month, usage_summed.bill_month) as bill_month,
        coalesce(days_counted.bill_date, usage_summed.usage_date) as bill_date,
        days_counted.billed_cost,
        days_counted.request_id,
        days_counted.fetched_at,
        days_counted.is_proven,
        usage_summed.currency_count,
        usage_summed.billing_currency,
        usage_summed.billed_cost as usage_billed_cost
    from days_counted
    full join usage_summed
        on
            days_counted.account = usage_summed.account
            and days_counted.customer_uin = usage_summed.customer_uin
            and days_counted.bill_month = usage_summed.bill_month
            and days_counted.bill_date = usage_summed.usage_date
),

-- Where bill lines landed, a day without bill lines has a usage cost of 0.
summed as (
    select
        joined.account,
        joined.customer_uin,
        joined.bill_month,
        joined.bill_date,
        joined.billed_cost,
        joined.request_id,
        joined.fetched_at,
        joined.is_proven,
        case
            when joined.currency_count = 1 then joined.usage_billed_cost
            when joined.currency_count is null and customer_months.has_bill_detail then 0
        end as usage_billed_cost,
        case when joined.currency_count = 1 then joined.billing_currency end as billing_currency,
        customer_months.is_complete
    from joined
    left join customer_months
        on
            joined.account = customer_months.account
            and joined.bill_month = customer_months.bill_month
            and joined.customer_uin is not distinct from customer_months.customer_uin
),

final as (
    select
        account,
        customer_uin,
        bill_date,
        bill_month,
        billed_cost,
        request_id,
        fetched_at,
        is_proven,
        usage_billed_cost,
        billed_cost - usage_billed_cost as difference,
        billing_currency,
        coalesce(is_complete, false) as is_complete
    from summed
)

select * from final
