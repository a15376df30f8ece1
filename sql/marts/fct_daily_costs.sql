-- The service's total of each customer and day beside the bill lines of that day.
-- Grain: one row per account, customer, bill month and day.
-- billed_cost and usage_billed_cost are the same money: never add them up. They need not agree, nor
-- sum to the month's bill, since it is not documented what the service's day covers. For months use
-- fct_monthly_costs.
with

days_counted as (
    select
        days.*,
        coalesce(landed_slices.proof = 'proven', false) as is_proven
    from staging.stg_customer_bill_by_day as days
    left join staging.stg_landed_slices as landed_slices
        on
            days.account = landed_slices.account
            and days.customer_uin = landed_slices.customer_uin
            and days.bill_date = landed_slices.bill_date
            and landed_slices.dataset = 'customer_bill_by_day'
    left join intermediate.int_customer_months_counted as counted
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
        usage_date as bill_date,
        count(distinct coalesce(billing_currency, '')) as currency_count,
        max(billing_currency) as currency,
        sum(billed_cost) as usage_cost
    from main.fct_daily_product_costs
    group by all
),

joined as (
    select *
    from days_counted
    full join usage_summed using (account, customer_uin, bill_month, bill_date)
)

-- Where bill lines landed, a day without bill lines has a usage cost of 0.
select
    joined.account,
    joined.customer_uin,
    joined.bill_date,
    joined.bill_month,
    joined.billed_cost,
    joined.request_id,
    joined.fetched_at,
    joined.is_proven,
    case
        when joined.currency_count = 1 then joined.usage_cost
        when joined.currency_count is null and customer_months.has_bill_detail then 0
    end as usage_billed_cost,
    joined.billed_cost - usage_billed_cost as difference,
    case when joined.currency_count = 1 then joined.currency end as billing_currency,
    coalesce(customer_months.is_complete, false) as is_complete
from joined
left join intermediate.int_customer_months_landed as customer_months
    on
        joined.account = customer_months.account
        and joined.bill_month = customer_months.bill_month
        and joined.customer_uin is not distinct from customer_months.customer_uin
