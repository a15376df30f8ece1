-- Month to date, forecast and previous month of each customer's bill and each own bill.
-- Grain: one row per account, customer or own bill, bill month and currency.
-- Subscriptions are booked in full in the month of the charge, so the forecast projects only usage
-- to the end of the month. Costs may be summed over customers within one currency and month. The
-- columns hold the same money in several views: never add them up.
with

counted as (
    select
        account,
        customer_uin,
        is_own_bill,
        bill_month,
        previous_bill_month,
        is_previous_landed,
        month_state,
        is_complete,
        as_of_date,
        month_start(previous_bill_month) as previous_start_date,
        greatest(0, coalesce(as_of_date - month_start(bill_month) + 1, 0)) as days_elapsed,
        day(last_day(month_start(bill_month))) as days_in_month
    from main.dim_customer_months
    where is_landed
),

days_summed as (
    select
        account,
        customer_uin,
        is_own_bill,
        bill_month,
        billing_currency,
        charge_date,
        sum(billed_cost) as billed_cost,
        sum(billed_cost) filter (where is_usage) as usage_cost,
        sum(billed_cost) filter (where not is_usage) as booked_cost
    from main.fct_daily_charges
    group by all
),

-- Each cost counts in its own month and as the previous month's in the next. A complete month is
-- compared with the whole month before, whatever their lengths.
stacked as (
    select
        counted.*,
        days_summed.billing_currency,
        days_summed.billed_cost,
        days_summed.booked_cost,
        case when days_summed.charge_date <= counted.as_of_date then days_summed.usage_cost end
            as usage_cost,
        case when days_summed.charge_date <= counted.as_of_date then days_summed.billed_cost end
            as month_to_date_cost
    from days_summed
    inner join counted
        on
            days_summed.account = counted.account
            and days_summed.is_own_bill = counted.is_own_bill
            and days_summed.bill_month = counted.bill_month
            and days_summed.customer_uin is not distinct from counted.customer_uin
    union all by name
    select
        counted.*,
        days_summed.billing_currency,
        days_summed.billed_cost as previous_month_cost,
        case
            when
                counted.days_elapsed = counted.days_in_month
                or days_summed.charge_date - counted.previous_start_date < counted.days_elapsed
                then days_summed.billed_cost
        end as previous_month_to_date_cost
    from days_summed
    inner join counted
        on
            days_summed.account = counted.account
            and days_summed.is_own_bill = counted.is_own_bill
            and days_summed.bill_month = counted.previous_bill_month
            and days_summed.customer_uin is not distinct from counted.customer_uin
            and counted.is_previous_landed
),

months_summed as (
    select
        account,
        is_own_bill,
        customer_uin,
        bill_month,
        billing_currency,
        month_state,
        is_complete,
        as_of_date,
        days_elapsed,
        days_in_month,
        coalesce(sum(billed_cost), 0) as billed_cost,
        case when as_of_date is not null then coalesce(sum(month_to_date_cost), 0) end
            as month_to_date_cost,
        case when as_of_date is not null then coalesce(sum(usage_cost), 0) end as usage_cost,
        coalesce(sum(booked_cost), 0) as booked_cost,
        case when is_previous_landed then coalesce(sum(previous_month_cost), 0) end
            as previous_month_cost,
        case
            when is_previous_landed and as_of_date is not null
                then coalesce(sum(previous_month_to_date_cost), 0)
        end as previous_month_to_date_cost
    from stacked
    group by
        account,
        is_own_bill,
        customer_uin,
        bill_month,
        billing_currency,
        month_state,
        is_complete,
        as_of_date,
        days_elapsed,
        days_in_month,
        is_previous_landed
)

select
    *,
    case
        when days_elapsed = days_in_month then billed_cost
        when days_elapsed > 0 then booked_cost + prorated(usage_cost, days_in_month, days_elapsed)
    end as forecast_cost,
    case
        when days_elapsed = days_in_month
            then 'No forecast needed: every day of the month is on the bill.'
        when days_elapsed > 0
            then
                'Usage: daily average of the ' || days_elapsed
                || ' complete days, times ' || days_in_month
                || ' days. Everything else: as booked so far.'
        else 'No forecast yet: no day of the month is complete.'
    end as forecast_method
from months_summed
