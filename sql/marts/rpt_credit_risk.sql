-- How much credit each customer has left, how fast it is used, and when it will be used up.
-- Grain: one row per account and customer that is listed or has credit; customer null for an end
-- customer's own.
-- Credits may be summed within one credit_currency; ratios and days may not.
with

customers as (
    select
        account,
        customer_uin
    from main.dim_customers
    where is_direct and is_listed
),

credits as (
    select * from main.fct_credit
    qualify
        row_number() over (partition by account, customer_uin order by snapshot_date desc) = 1
),

-- A customer without credit has a row too: for a distributor, credit of its resellers' customers is
-- not requested.
holders as (
    select * exclude (request_id, fetched_at)
    from customers
    full join credits using (account, customer_uin)
),

-- The days of each customer's months whose usage is on the bill. Only one account counts a
-- customer's bill lines, but they use up the customer's credit with any account.
months_known as (
    select
        holders.account,
        holders.customer_uin,
        month_start(months.bill_month) as from_date,
        max(months.as_of_date) as to_date
    from holders
    inner join main.dim_customer_months as months
        on
            holders.customer_uin is not distinct from months.customer_uin
            and (holders.customer_uin is null) = months.is_own_bill
            and (holders.account = months.account or not months.is_own_bill)
    where months.is_landed and months.as_of_date >= month_start(months.bill_month)
    group by all
),

months_dated as (
    select
        *,
        -- The days end with the last one known for any customer of the account, not with today.
        max(to_date) over (partition by account, customer_uin is null) as last_date
    from months_known
),

-- Days that are not known for a customer are left out of its mean.
days_known as (
    select
        account,
        customer_uin,
        charge_date,
        last_date - charge_date < burn().recent_days as is_recent
    from (
        select
            *,
            unnest(cast(generate_series(from_date, to_date, interval 1 day) as date[]))
                as charge_date
        from months_dated
    ) as days
    where last_date - charge_date < burn().days
),

days_counted as (
    select
        account,
        customer_uin,
        min(charge_date) as burn_from_date,
        max(charge_date) as burn_to_date,
        count(*) as day_count,
        count(*) filter (where is_recent) as recent_day_count
    from days_known
    group by all
),

-- Monthly settlement is charged in the first days of the next month, so the bills needed begin a
-- month before the days.
months_bounded as (
    select strftime(min(charge_date) - interval 1 month, '%Y-%m') as from_month from days_known
),

-- Usage of a day at most is pay-as-you-go, unless it is an adjustment or a refund. Subscriptions
-- and monthly settlement are charged at once.
charges as (
    select
        case when is_own_bill then account end as own_account,
        customer_uin,
        billing_currency,
        cast(coalesce(transaction_at, usage_start_at) as date) as charge_date,
        sum(billed_cost) as billed_cost,
        sum(billed_cost) filter (
            where
            usage_end_at - usage_start_at <= interval 1 day
            and not is_correction(transaction_type)
        ) as by_day_cost
    from intermediate.int_bill_lines
    where bill_month >= (select months_bounded.from_month from months_bounded)
    group by all
),

charges_summed as (
    select
        days_known.account,
        days_known.customer_uin,
        charges.billing_currency,
        sum(charges.billed_cost) as billed_cost,
        sum(charges.by_day_cost) filter (where days_known.is_recent) as by_day_cost
    from days_known
    inner join charges
        on
            days_known.charge_date = charges.charge_date
            and days_known.customer_uin is not distinct from charges.customer_uin
            and days_known.account = coalesce(charges.own_account, days_known.account)
    group by all
),

joined as (
    select
        holders.*,
        days_counted.burn_from_date,
        days_counted.burn_to_date,
        days_counted.day_count,
        nullif(days_counted.recent_day_count, 0) as recent_day_count,
        case
            when days_counted.day_count > 0 and holders.credit_currency is not null
                then coalesce(charges_summed.billed_cost, 0)
        end as billed_cost,
        case
            when days_counted.recent_day_count > 0 and holders.credit_currency is not null
                then coalesce(charges_summed.by_day_cost, 0)
        end as by_day_cost
    from holders
    left join days_counted
        on
            holders.account = days_counted.account
            and holders.customer_uin is not distinct from days_counted.customer_uin
    left join charges_summed
        on
            holders.account = charges_summed.account
            and holders.customer_uin is not distinct from charges_summed.customer_uin
            and holders.credit_currency = charges_summed.billing_currency
)

-- Amounts are divided as whole hundred-millionths: dividing decimals would give a double, which may
-- lose a day where the exact result is a whole number. A figure that is too large for this becomes
-- null; the build goes on.
select
    account,
    customer_uin,
    credit_currency,
    total_credit,
    remaining_credit,
    total_credit - remaining_credit as used_credit,
    case when total_credit > 0 then 1 - remaining_credit / total_credit end as used_ratio,
    case when total_credit > 0 then remaining_credit / total_credit end as remaining_ratio,
    -- The service warns once a day at 25, 10 and 0 % of credit left (documents 1085/69227,
    -- 1085/74089); that it does so at these levels, not below them, is inferred.
    case
        when remaining_credit is null then 'unknown'
        when remaining_credit <= 0 and (total_credit > 0 or remaining_credit < 0) then '0 %'
        when total_credit is null then 'unknown'
        when total_credit <= 0 then 'no credit'
        when remaining_credit * 10 <= total_credit then '10 %'
        when remaining_credit * 4 <= total_credit then '25 %'
        else 'above'
    end as level,  -- noqa: RF04
    remaining_credit < 0 as is_below_zero,
    forced_status_code,
    try(prorated(billed_cost, 1, day_count)) as daily_burn_cost,
    try(prorated(by_day_cost, 1, recent_day_count)) as daily_usage_cost,
    case
        when remaining_credit <= 0 then 0
        when billed_cost > 0
            then
                try(
                    cast(
                        cast(remaining_credit * 100000000 as hugeint) * day_count
                        // cast(billed_cost * 100000000 as hugeint) as bigint
                    )
                )
    end as days_left,
    burn_from_date,
    burn_to_date,
    day_count as burn_day_count,
    case
        when billed_cost is not null
            then
                'Mean of all bill lines, after vouchers, by the day on which they were charged,'
                || ' over ' || day_count || ' of the last 28 whole days.'
    end as burn_method,
    snapshot_date as as_of_date
from joined
