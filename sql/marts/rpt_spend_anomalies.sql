-- Days on which a customer's usage of a product, or an own bill's, cost far more or less than in
-- the 28 days before.
-- Grain: one row per account, customer or own bill, product, day and currency that stands out.
-- It covers the last two bill months of each account. This is a list to look into, not to sum.
with

months as (
    select
        *,
        cast(
            month_start(max(bill_month) over (partition by account, is_own_bill))
            - interval 1 month as date
        ) as judged_from_date
    from main.dim_customer_months
    where is_landed and as_of_date is not null
),

accounts as (
    select distinct
        account,
        is_own_bill,
        judged_from_date
    from months
),

products as (
    select distinct
        product_code,
        product_name,
        identified_product_code,
        identified_product_name
    from main.dim_products
),

charges as (
    select
        charges.account,
        charges.customer_uin,
        charges.is_own_bill,
        coalesce(products.identified_product_code, charges.product_code) as product_code,
        coalesce(products.identified_product_name, charges.product_name) as product_name,
        charges.billing_currency,
        charges.charge_date as usage_date,
        sum(coalesce(charges.contracted_cost, charges.billed_cost)) as usage_cost,
        sum(charges.billed_cost) as billed_cost
    from main.fct_daily_charges as charges
    inner join accounts
        on
            charges.account = accounts.account
            and charges.is_own_bill = accounts.is_own_bill
            and charges.charge_date >= accounts.judged_from_date - anomaly().history_days
    left join products
        on
            charges.product_code is not distinct from products.product_code
            and charges.product_name is not distinct from products.product_name
    where charges.is_usage
    group by all
),

charges_numbered as (
    select
        *,
        dense_rank() over (
            order by
                account,
                is_own_bill,
                customer_uin,
                product_code,
                product_name,
                billing_currency
        ) as series_number
    from charges
),

-- A product that never costs as much as the least listed deviation cannot stand out.
series as (
    select
        series_number,
        account,
        customer_uin,
        is_own_bill,
        product_code,
        product_name,
        billing_currency,
        min(usage_date) as first_date
    from charges_numbered
    group by all
    having max(abs(usage_cost)) >= anomaly().least_cost
),

calendar as (
    select
        account,
        customer_uin,
        is_own_bill,
        judged_from_date,
        cast(
            unnest(
                generate_series(
                    judged_from_date - anomaly().history_days, max(as_of_date), interval 1 day
                )
            ) as date
        ) as usage_date
    from months
    group by account, customer_uin, is_own_bill, judged_from_date
),

customer_days as (
    select
        calendar.*,
        months.bill_month is not null as is_landed
    from calendar
    left join months
        on
            calendar.account = months.account
            and calendar.is_own_bill = months.is_own_bill
            and calendar.customer_uin is not distinct from months.customer_uin
            and strftime(calendar.usage_date, '%Y-%m') = months.bill_month
            and calendar.usage_date <= months.as_of_date
),

-- A day that landed without a charge cost 0. A day that did not land is not known, but keeps its
-- row, so that 28 rows are 28 days.
series_days as (
    select
        series.series_number,
        days.usage_date,
        days.usage_date >= days.judged_from_date as is_judged,
        case when days.is_landed then coalesce(charges.usage_cost, 0) end as usage_cost,
        case when days.is_landed then coalesce(charges.billed_cost, 0) end as billed_cost
    from series
    inner join customer_days as days
        on
            series.account = days.account
            and series.is_own_bill = days.is_own_bill
            and series.customer_uin is not distinct from days.customer_uin
            and series.first_date <= days.usage_date
    left join charges_numbered as charges
        on
            series.series_number = charges.series_number
            and days.usage_date = charges.usage_date
),

-- The quartiles are cast from text, since a list there is taken for a table's name.
expected as (
    select
        *,
        quantile_disc(usage_cost, cast('[0.25, 0.5, 0.75]' as double[])) over preceding_days
            as quartile_costs,
        quartile_costs[2] as expected_cost,
        usage_cost - expected_cost as deviation_cost,
        count(usage_cost) over preceding_days as history_days,
        usage_cost > max(usage_cost) over preceding_days
        or usage_cost < min(usage_cost) over preceding_days as is_outside
    from series_days
    window preceding_days as (
        partition by series_number
        order by usage_date
        rows between anomaly().history_days preceding and 1 preceding  -- noqa: PRS
    )
),

-- Only days that may stand out are examined further. A MAD is never less than the distance to the
-- nearer quartile.
days_filtered as (
    select * from expected
    where
        is_judged
        and history_days >= anomaly().least_history_days
        and abs(deviation_cost) >= anomaly().least_cost
        and abs(deviation_cost) > anomaly().threshold * anomaly().least_scale * expected_cost
        and abs(deviation_cost)
        > anomaly().threshold * anomaly().mad_factor
        * least(quartile_costs[3] - expected_cost, expected_cost - quartile_costs[1])
        and (expected_cost > 0 or is_outside)
),

measured as (
    select
        days.*,
        quantile_disc(abs(history.usage_cost - days.expected_cost), 0.5) as mad_cost,
        sum(abs(history.usage_cost - days.expected_cost)) as deviations_cost
    from days_filtered as days
    inner join series_days as history
        on
            days.series_number = history.series_number
            and days.usage_date - anomaly().history_days <= history.usage_date
            and days.usage_date > history.usage_date
    group by all
),

-- The scale is multiplied by history_days, so that a score needs only one division, its last step.
scaled as (
    select
        *,
        greatest(
            case
                when mad_cost > 0 then anomaly().mad_factor * mad_cost * history_days
                else anomaly().mean_deviation_factor * deviations_cost
            end,
            anomaly().least_scale * expected_cost * history_days
        ) as scale_times_days
    from measured
),

-- Where the MAD or median is 0, a day must also lie outside the range of the days before.
-- Consecutive days that stand out in one direction get the same run_date: date less row number.
anomalies as (
    select
        *,
        usage_date - cast(
            row_number() over (partition by series_number, deviation_cost > 0 order by usage_date)
            as integer
        ) as run_date
    from scaled
    where
        abs(deviation_cost) * history_days > anomaly().threshold * scale_times_days
        and (is_outside or (mad_cost > 0 and expected_cost > 0))
)

select
    series.account,
    series.is_own_bill,
    series.customer_uin,
    strftime(found.usage_date, '%Y-%m') as bill_month,
    found.usage_date,
    series.product_code,
    series.product_name,
    series.billing_currency,
    found.billed_cost,
    found.usage_cost,
    found.expected_cost,
    found.deviation_cost,
    case when found.deviation_cost > 0 then 'up' else 'down' end as direction,
    row_number() over (
        partition by found.series_number, found.deviation_cost > 0, found.run_date
        order by found.usage_date
    ) as day_in_row,
    case when found.expected_cost > 0 then found.deviation_cost / found.expected_cost end
        as deviation_ratio,
    case
        when found.scale_times_days > 0
            then found.deviation_cost * found.history_days / found.scale_times_days
    end as score_ratio,
    anomaly().threshold as threshold_ratio,
    found.history_days,
    case
        when found.mad_cost > 0
            then 'Median and MAD of the 28 days before; scale at least 5 % of the median.'
        when found.deviations_cost > 0
            then
                'Median and mean deviation of the 28 days before, as their MAD is 0; '
                || 'scale at least 5 % of the median, and outside of all of those days.'
        when found.expected_cost > 0
            then
                'Median of the 28 days before, which were all the same; '
                || 'scale 5 % of the median.'
        else 'No usage was charged in the 28 days before.'
    end as score_method
from anomalies as found
inner join series using (series_number)
