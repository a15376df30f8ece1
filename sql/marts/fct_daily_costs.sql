-- What the service sums up for each customer and day; a customer of several accounts is here once.
-- Grain: one row per account, customer and day.
-- Days need not sum to the month's bill, since what a day covers is not documented: for a month use
-- fct_monthly_costs.
with

days as (
    select * from staging.stg_customer_bill_by_day
),

landed_customers as (
    select * from staging.stg_landed_customers
    where dataset = 'customer_bill_by_day'
),

counted as (
    select * from intermediate.int_customer_months_counted
),

final as (
    select
        days.account,
        days.customer_uin,
        days.bill_date,
        days.bill_month,
        days.billed_cost,
        days.request_id,
        days.fetched_at,
        coalesce(landed_customers.proof = 'proven', false) as is_proven
    from days
    left join landed_customers
        on
            days.account = landed_customers.account
            and days.customer_uin = landed_customers.customer_uin
            and days.bill_date = landed_customers.bill_date
    left join counted
        on
            days.account = counted.account
            and days.customer_uin = counted.customer_uin
            and days.bill_month = counted.bill_month
    where coalesce(counted.is_counted, true)
)

select * from final
