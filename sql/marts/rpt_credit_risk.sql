-- How much credit each customer has left, how fast it is used, and when it will be used up.
-- Grain: one row per account and customer that is listed or has credit; customer null for an end
-- customer's own.
-- Credits may be summed within one credit_currency; ratios and days may not.
with

customers as (
    select * from main.dim_customers
    where is_direct and is_listed
),

customer_months as (
    select * from main.dim_customer_months
    where is_landed and as_of_date >= cast(bill_month || '-01' as date)
),

credits_latest as (
    select
        account,
        customer_uin,
        snapshot_date,
        total_credit,
        remaining_credit,
        credit_currency,
        forced_status_code
    from main.fct_credit
    qualify
        row_number() over (partition by account, customer_uin order by snapshot_date desc) = 1
),

-- A customer without credit has a row too: for a distributor, credit of its resellers' customers is
-- not requested.
customers_gathered as (
    select
        coalesce(customers.account, credits_latest.account) as account,
        coalesce(customers.customer_uin, credits_latest.customer_uin) as customer_uin,
        credits_latest.snapshot_date,
        credits_latest.total_credit,
        credits_latest.remaining_credit,
        credits_latest.credit_currency,
        credits_latest.forced_status_code
    from customers
    full join credits_latest
        on
            customers.account = credits_latest.account
            and customers.customer_uin = credits_latest.customer_uin
),

-- The days of each customer's months whose usage is on the bill. Only one account counts a
-- customer's bill lines, but they use up the customer's credit with any account.
months_known as (
    select
        customers_gathered.account,
        customers_gathered.customer_uin,
        cast(customer_months.bill_month || '-01' as date) as from_date,
        max(customer_months.as_of_date) as to_date
    from customers_gathered
    inner join customer_months
        on
            customers_gathered.customer_uin is not distinct from customer_months.customer_uin
            and (customers_gathered.customer_uin is null) = customer_months.is_own_bill
            and (
                customers_gathered.account = customer_months.account
                or not customer_months.is_own_bill
            )
    group by
        customers_gathered.account,
        customers_gathered.customer_uin,
        customer_months.bill_month
),

days_of_months as (
    select
        account,
        customer_uin,
        unnest(cast(generate_series(from_date, to_date, interval 1 day) as date[])) as charge_date
    from months_known
),

-- The days end with the last one known for any customer of the account, not with today.
windows as (
    select
        account,
        customer_uin is null as is_own_bill,
        max(to_date) as to_date
    from months_known
    group by all
),

-- Days that are not known for a customer are left out of its mean.
days_known as (
    select
        days_of_months.account,
        days_of_months.customer_uin,
        days_of_months.charge_date,
        windows.to_date - days_of_months.charge_date < 7 as is_recent
    from days_of_months
    inner join windows
        on
            days_of_months.account = windows.account
            and (days_of_months.customer_uin is null) = windows.is_own_bill
            and windows.to_date - days_of_months.charge_date < 28
),

days_counted as (
    select
        account,
        customer_uin,
        min(charge_date) as from_date,
        max(charge_date) as to_date,
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
gathered as (
    select
        null as account,
        customer_uin,
        billing_currency,
        cast(coalesce(transaction_at, usage_start_at) as date) as charge_date,
        transaction_type,
        usage_end_at - usage_start_at as usage_interval,
        billed_cost
    from main.fct_bill_lines
    where bill_month >= (select months_bounded.from_month from months_bounded)
    union all
    select
        account,
        null as customer_uin,
        billing_currency,
        cast(coalesce(transaction_at, usage_start_at) as date) as charge_date,
        transaction_type,
        usage_end_at - usage_start_at as usage_interval,
        billed_cost
    from main.fct_own_bill_lines
    where bill_month >= (select months_bounded.from_month from months_bounded)
),

charges_dated as (
    select
        account,
        customer_uin,
        billing_currency,
        charge_date,
        sum(billed_cost) as billed_cost,
        sum(billed_cost) filter (
            where
            usage_interval <= interval 1 day
            and coalesce(transaction_type, '') not ilike '%adjust%'
            and coalesce(transaction_type, '') not ilike '%compensat%'
            and coalesce(transaction_type, '') not ilike '%guarantee%'
            and coalesce(transaction_type, '') not ilike '%refund%'
            and coalesce(transaction_type, '') not ilike '%revers%'
        ) as by_day_cost
    from gathered
    group by all
),

charges_summed as (
    select
        days_known.account,
        days_known.customer_uin,
        charges_dated.billing_currency,
        sum(charges_dated.billed_cost) as billed_cost,
        sum(charges_dated.by_day_cost) filter (where days_known.is_recent) as by_day_cost
    from days_known
    inner join charges_dated
        on
            days_known.charge_date = charges_dated.charge_date
            and days_known.customer_uin is not distinct from charges_dated.customer_uin
            and days_known.account = coalesce(charges_dated.account, days_known.account)
    group by all
),

joined as (
    select
        customers_gathered.account,
        customers_gathered.customer_uin,
        customers_gathered.snapshot_date as as_of_date,
        customers_gathered.total_credit,
        customers_gathered.remaining_credit,
        customers_gathered.credit_currency,
        customers_gathered.forced_status_code,
        days_counted.from_date,
        days_counted.to_date,
        days_counted.day_count,
        nullif(days_counted.recent_day_count, 0) as recent_day_count,
        case
            when days_counted.day_count > 0 and customers_gathered.credit_currency is not null
                then coalesce(charges_summed.billed_cost, 0)
        end as billed_cost,
        case
            when
                days_counted.recent_day_count > 0
                and customers_gathered.credit_currency is not null
                then coalesce(charges_summed.by_day_cost, 0)
        end as by_day_cost
    from customers_gathered
    left join days_counted
        on
            customers_gathered.account = days_counted.account
            and customers_gathered.customer_uin is not distinct from days_counted.customer_uin
    left join charges_summed
        on
            customers_gathered.account = charges_summed.account
            and customers_gathered.customer_uin is not distinct from charges_summed.customer_uin
            and customers_gathered.credit_currency = charges_summed.billing_currency
)

-- Amounts are divided as whole hundred-millionths, and rates rounded half away from zero. Dividing
-- decimals would give a double, which may lose a day where the exact result is a whole number. A
-- figure that is too large for this becomes null; the build goes on.
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
    try(
        sign(billed_cost)
        * cast(
            (2 * abs(cast(billed_cost * 100000000 as hugeint)) + day_count)
            // (2 * day_count) as decimal(30, 0)
        )
        * cast('0.00000001' as decimal(8, 8))
    ) as daily_burn_cost,
    try(
        sign(by_day_cost)
        * cast(
            (2 * abs(cast(by_day_cost * 100000000 as hugeint)) + recent_day_count)
            // (2 * recent_day_count) as decimal(30, 0)
        )
        * cast('0.00000001' as decimal(8, 8))
    ) as daily_usage_cost,
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
    from_date as burn_from_date,
    to_date as burn_to_date,
    day_count as burn_day_count,
    case
        when billed_cost is not null
            then
                'Mean of all bill lines, after vouchers, by the day on which they were charged,'
                || ' over ' || day_count || ' of the last 28 whole days.'
    end as burn_method,
    as_of_date
from joined
