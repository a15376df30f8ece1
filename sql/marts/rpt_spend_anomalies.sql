-- Days on which a customer's usage of a product, or an own bill's, cost far more or less than in
-- the 28 days before.
-- Grain: one row per account, customer or own bill, product, day and currency that stands out.
-- It covers the last two bill months of each account. This is a list to look into, not to sum.
with

daily_charges as (
    select * from main.fct_daily_charges
    where is_usage
),

bill_months as (
    select * from main.dim_customer_months
    where is_landed and as_of_date is not null
),

spans as (
    select
        account,
        is_own_bill,
        cast(cast(max(bill_month) || '-01' as date) - interval 1 month as date) as judged_from_date
    from bill_months
    group by all
),

products_identified as (
    select distinct
        product_code,
        product_name,
        identified_product_code,
        identified_product_name
    from main.dim_products
),

days_summed as (
    select
        daily_charges.account,
        daily_charges.customer_uin,
        daily_charges.is_own_bill,
        coalesce(products_identified.identified_product_code, daily_charges.product_code)
            as product_code,
        coalesce(products_identified.identified_product_name, daily_charges.product_name)
            as product_name,
        daily_charges.billing_currency,
        daily_charges.charge_date,
        sum(coalesce(daily_charges.contracted_cost, daily_charges.billed_cost)) as usage_cost,
        sum(daily_charges.billed_cost) as billed_cost
    from daily_charges
    inner join spans
        on
            daily_charges.account = spans.account
            and daily_charges.is_own_bill = spans.is_own_bill
            and daily_charges.charge_date >= spans.judged_from_date - 28
    left join products_identified
        on
            daily_charges.product_code is not distinct from products_identified.product_code
            and daily_charges.product_name is not distinct from products_identified.product_name
    group by all
),

-- A product that never costs as much as the least listed deviation cannot stand out.
series_numbered as (
    select
        row_number() over () as series_number,
        account,
        customer_uin,
        is_own_bill,
        product_code,
        product_name,
        billing_currency,
        min(charge_date) as first_date
    from days_summed
    group by account, customer_uin, is_own_bill, product_code, product_name, billing_currency
    having max(abs(usage_cost)) >= 1
),

days_numbered as (
    select
        series_numbered.series_number,
        days_summed.charge_date,
        days_summed.usage_cost,
        days_summed.billed_cost
    from days_summed
    inner join series_numbered
        on
            days_summed.account = series_numbered.account
            and days_summed.is_own_bill = series_numbered.is_own_bill
            and days_summed.customer_uin is not distinct from series_numbered.customer_uin
            and days_summed.product_code is not distinct from series_numbered.product_code
            and days_summed.product_name is not distinct from series_numbered.product_name
            and days_summed.billing_currency is not distinct from series_numbered.billing_currency
),

customers as (
    select
        bill_months.account,
        bill_months.customer_uin,
        bill_months.is_own_bill,
        spans.judged_from_date,
        max(bill_months.as_of_date) as last_date
    from bill_months
    inner join spans using (account, is_own_bill)
    group by all
),

days_listed as (
    select
        account,
        customer_uin,
        is_own_bill,
        judged_from_date,
        cast(
            unnest(generate_series(judged_from_date - 28, last_date, interval 1 day)) as date
        ) as usage_date
    from customers
),

calendar as (
    select
        account,
        customer_uin,
        is_own_bill,
        usage_date,
        strftime(usage_date, '%Y-%m') as bill_month,
        usage_date >= judged_from_date as is_judged
    from days_listed
),

customer_days as (
    select
        calendar.account,
        calendar.customer_uin,
        calendar.is_own_bill,
        calendar.usage_date,
        calendar.is_judged,
        bill_months.bill_month is not null as is_landed
    from calendar
    left join bill_months
        on
            calendar.account = bill_months.account
            and calendar.is_own_bill = bill_months.is_own_bill
            and calendar.customer_uin is not distinct from bill_months.customer_uin
            and calendar.bill_month = bill_months.bill_month
            and calendar.usage_date <= bill_months.as_of_date
),

-- A day that landed without a charge cost 0. A day that did not land is not known, but keeps its
-- row, so that 28 rows are 28 days.
series_days as (
    select
        series_numbered.series_number,
        customer_days.usage_date,
        customer_days.is_judged,
        case when customer_days.is_landed then coalesce(days_numbered.usage_cost, 0) end
            as usage_cost,
        case when customer_days.is_landed then coalesce(days_numbered.billed_cost, 0) end
            as billed_cost
    from series_numbered
    inner join customer_days
        on
            series_numbered.account = customer_days.account
            and series_numbered.is_own_bill = customer_days.is_own_bill
            and series_numbered.customer_uin is not distinct from customer_days.customer_uin
            and series_numbered.first_date <= customer_days.usage_date
    left join days_numbered
        on
            series_numbered.series_number = days_numbered.series_number
            and customer_days.usage_date = days_numbered.charge_date
),

-- The quartiles are cast from text, since a list there is taken for a table's name.
expected as (
    select
        series_number,
        usage_date,
        is_judged,
        usage_cost,
        billed_cost,
        quantile_disc(usage_cost, cast('[0.25, 0.5, 0.75]' as double[])) over preceding_days
            as quartile_costs,
        quartile_costs[2] as expected_cost,
        min(usage_cost) over preceding_days as least_cost,
        max(usage_cost) over preceding_days as most_cost,
        count(usage_cost) over preceding_days as history_days
    from series_days
    window preceding_days as (
        partition by series_number
        order by usage_date
        rows between 28 preceding and 1 preceding
    )
),

-- Only days that may stand out are examined further. 0.175 is the threshold of 3.5 times the least
-- scale of 0.05; 5.1891 is the threshold times 1.4826. A MAD is never less than the distance to the
-- nearer quartile.
days_filtered as (
    select
        series_number,
        usage_date,
        usage_cost,
        billed_cost,
        expected_cost,
        history_days,
        usage_cost - expected_cost as deviation_cost,
        usage_cost > most_cost or usage_cost < least_cost as is_outside
    from expected
    where
        is_judged
        and history_days >= 14
        and abs(usage_cost - expected_cost) >= 1
        and abs(usage_cost - expected_cost) > 0.175 * expected_cost
        and abs(usage_cost - expected_cost)
        > 5.1891 * least(quartile_costs[3] - expected_cost, expected_cost - quartile_costs[1])
        and (expected_cost > 0 or usage_cost > most_cost or usage_cost < least_cost)
),

history_measured as (
    select
        days_filtered.series_number,
        days_filtered.usage_date,
        any_value(days_filtered.usage_cost) as usage_cost,
        any_value(days_filtered.billed_cost) as billed_cost,
        any_value(days_filtered.expected_cost) as expected_cost,
        any_value(days_filtered.deviation_cost) as deviation_cost,
        any_value(days_filtered.history_days) as history_days,
        any_value(days_filtered.is_outside) as is_outside,
        quantile_disc(abs(series_days.usage_cost - days_filtered.expected_cost), 0.5) as mad_cost,
        sum(abs(series_days.usage_cost - days_filtered.expected_cost)) as deviations_cost
    from days_filtered
    inner join series_days
        on
            days_filtered.series_number = series_days.series_number
            and days_filtered.usage_date - 28 <= series_days.usage_date
            and days_filtered.usage_date > series_days.usage_date
    group by all
),

-- The scale is multiplied by history_days, so that a score needs only one division, its last step.
-- 1.4826 and 1.2533 make a MAD and a mean deviation comparable with a standard deviation.
scaled as (
    select
        series_number,
        usage_date,
        usage_cost,
        billed_cost,
        expected_cost,
        deviation_cost,
        history_days,
        mad_cost,
        deviations_cost,
        is_outside,
        greatest(
            case
                when mad_cost > 0 then 1.4826 * mad_cost * history_days
                else 1.2533 * deviations_cost
            end,
            0.05 * expected_cost * history_days
        ) as scale_times_days
    from history_measured
),

-- Where the MAD or median is 0, a day must also lie outside the range of the days before.
-- Consecutive days that stand out in one direction get the same run_date: date less row number.
anomalies_found as (
    select
        series_number,
        usage_date,
        usage_cost,
        billed_cost,
        expected_cost,
        deviation_cost,
        history_days,
        mad_cost,
        deviations_cost,
        scale_times_days,
        usage_date - cast(
            row_number() over (
                partition by series_number, deviation_cost > 0
                order by usage_date
            ) as integer
        ) as run_date
    from scaled
    where
        abs(deviation_cost) * history_days > 3.5 * scale_times_days
        and (is_outside or (mad_cost > 0 and expected_cost > 0))
)

select
    series_numbered.account,
    series_numbered.is_own_bill,
    series_numbered.customer_uin,
    strftime(anomalies_found.usage_date, '%Y-%m') as bill_month,
    anomalies_found.usage_date,
    series_numbered.product_code,
    series_numbered.product_name,
    series_numbered.billing_currency,
    anomalies_found.billed_cost,
    anomalies_found.usage_cost,
    anomalies_found.expected_cost,
    anomalies_found.deviation_cost,
    case when anomalies_found.deviation_cost > 0 then 'up' else 'down' end as direction,
    row_number() over (
        partition by
            anomalies_found.series_number,
            anomalies_found.deviation_cost > 0,
            anomalies_found.run_date
        order by anomalies_found.usage_date
    ) as day_in_row,
    case
        when anomalies_found.expected_cost > 0
            then anomalies_found.deviation_cost / anomalies_found.expected_cost
    end as deviation_ratio,
    case
        when anomalies_found.scale_times_days > 0
            then
                anomalies_found.deviation_cost * anomalies_found.history_days
                / anomalies_found.scale_times_days
    end as score_ratio,
    3.5 as threshold_ratio,
    anomalies_found.history_days,
    case
        when anomalies_found.mad_cost > 0
            then 'Median and MAD of the 28 days before; scale at least 5 % of the median.'
        when anomalies_found.deviations_cost > 0
            then
                'Median and mean deviation of the 28 days before, as their MAD is 0; '
                || 'scale at least 5 % of the median, and outside of all of those days.'
        when anomalies_found.expected_cost > 0
            then
                'Median of the 28 days before, which were all the same; '
                || 'scale 5 % of the median.'
        else 'No usage was charged in the 28 days before.'
    end as score_method
from anomalies_found
inner join series_numbered using (series_number)
