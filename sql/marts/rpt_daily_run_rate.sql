-- Month to date, forecast and previous month of each customer's bill and each own bill.
-- Grain: one row per account, customer or own bill, bill month and currency.
-- Subscriptions are booked in full in the month of the charge, so the forecast projects only usage
-- to the end of the month. Costs may be summed over customers within one currency and month. The
-- columns hold the same money in several views: never add them up.
with

daily_charges as (
    select * from main.fct_daily_charges
),

bill_months as (
    select * from main.dim_customer_months
    where is_landed
),

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
        cast(previous_bill_month || '-01' as date) as previous_start_date,
        greatest(0, coalesce(as_of_date - cast(bill_month || '-01' as date) + 1, 0))
            as days_elapsed,
        day(last_day(cast(bill_month || '-01' as date))) as days_in_month
    from bill_months
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
    from daily_charges
    group by account, customer_uin, is_own_bill, bill_month, billing_currency, charge_date
),

-- Each cost counts in its own month and as the previous month's in the next. A complete month is
-- compared with the whole month before, whatever their lengths.
stacked as (
    select
        counted.account,
        counted.customer_uin,
        counted.is_own_bill,
        counted.bill_month,
        days_summed.billing_currency,
        days_summed.billed_cost,
        days_summed.booked_cost,
        case
            when days_summed.charge_date <= counted.as_of_date then days_summed.usage_cost
        end as usage_cost,
        case
            when days_summed.charge_date <= counted.as_of_date then days_summed.billed_cost
        end as month_to_date_cost,
        null as previous_month_cost,
        null as previous_month_to_date_cost
    from days_summed
    inner join counted
        on
            days_summed.account = counted.account
            and days_summed.is_own_bill = counted.is_own_bill
            and days_summed.bill_month = counted.bill_month
            and days_summed.customer_uin is not distinct from counted.customer_uin
    union all
    select
        counted.account,
        counted.customer_uin,
        counted.is_own_bill,
        counted.bill_month,
        days_summed.billing_currency,
        null as billed_cost,
        null as booked_cost,
        null as usage_cost,
        null as month_to_date_cost,
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
        customer_uin,
        is_own_bill,
        bill_month,
        billing_currency,
        coalesce(sum(billed_cost), 0) as billed_cost,
        coalesce(sum(booked_cost), 0) as booked_cost,
        coalesce(sum(usage_cost), 0) as usage_cost,
        coalesce(sum(month_to_date_cost), 0) as month_to_date_cost,
        coalesce(sum(previous_month_cost), 0) as previous_month_cost,
        coalesce(sum(previous_month_to_date_cost), 0) as previous_month_to_date_cost
    from stacked
    group by account, customer_uin, is_own_bill, bill_month, billing_currency
),

joined as (
    select
        counted.account,
        counted.is_own_bill,
        counted.customer_uin,
        counted.bill_month,
        months_summed.billing_currency,
        counted.month_state,
        counted.is_complete,
        counted.as_of_date,
        counted.days_elapsed,
        counted.days_in_month,
        months_summed.billed_cost,
        case when counted.as_of_date is not null then months_summed.month_to_date_cost end
            as month_to_date_cost,
        case when counted.as_of_date is not null then months_summed.usage_cost end as usage_cost,
        months_summed.booked_cost,
        case when counted.is_previous_landed then months_summed.previous_month_cost end
            as previous_month_cost,
        case
            when counted.is_previous_landed and counted.as_of_date is not null
                then months_summed.previous_month_to_date_cost
        end as previous_month_to_date_cost
    from months_summed
    inner join counted
        on
            months_summed.account = counted.account
            and months_summed.is_own_bill = counted.is_own_bill
            and months_summed.bill_month = counted.bill_month
            and months_summed.customer_uin is not distinct from counted.customer_uin
),

-- The forecast is calculated in whole hundred-millionths and rounded half away from zero, since a
-- division of decimals gives a double.
final as (
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
        billed_cost,
        month_to_date_cost,
        usage_cost,
        booked_cost,
        case
            when days_elapsed = days_in_month then billed_cost
            when days_elapsed > 0
                then
                    booked_cost
                    + sign(usage_cost)
                    * cast(
                        (
                            2 * abs(cast(usage_cost * 100000000 as hugeint)) * days_in_month
                            + days_elapsed
                        ) // (2 * days_elapsed) as decimal(30, 0)
                    )
                    * cast('0.00000001' as decimal(8, 8))
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
        end as forecast_method,
        previous_month_cost,
        previous_month_to_date_cost
    from joined
)

select * from final
