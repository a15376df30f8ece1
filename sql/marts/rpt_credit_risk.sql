-- How much credit each customer has left, how fast it goes, and when it would be gone.
-- Grain: one row per account and customer that is listed or has credit, as of its latest snapshot.
-- Credits may be summed within one credit_currency; ratios and days may not.
with

credits as (
    select * from main.fct_credit
),

customers as (
    select * from main.dim_customers
    where is_direct and is_listed
),

bill_lines as (
    select * from main.fct_bill_lines
),

own_bill_lines as (
    select * from main.fct_own_bill_lines
),

landed_lists as (
    select * from staging.stg_landed_files
    where snapshot_date is not null
),

landed_lines as (
    select * from staging.stg_landed_customers
    where
        dataset in (
            'customer_bill_detail',
            'customer_bill_detail_files',
            'customer_bill_detail_packs',
            'own_bill_detail',
            'own_bill_detail_files'
        )
),

customer_days as (
    select * from intermediate.int_customer_days_proven
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
    from credits
    qualify
        row_number() over (partition by account, customer_uin order by snapshot_date desc) = 1
),

-- A customer without credit is a row too; nobody asks a distributor what its resellers' have.
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

days_seen as (
    select
        account,
        max(snapshot_date) as as_of_date
    from landed_lists
    group by account
),

lines_landed as (
    select
        account,
        starts_with(dataset, 'own_') as is_own_bill,
        bill_month,
        max(case when is_carried or proof = 'failed' then proven_at else asked_to_at end)
            as landed_at
    from landed_lines
    group by account, starts_with(dataset, 'own_'), bill_month
),

days_proven as (
    select
        account,
        false as is_own_bill,
        bill_month,
        max(changed_at) as changed_at,
        max(proven_at) as proven_at
    from customer_days
    group by account, bill_month
    having bool_and(is_proven)
),

-- While no customer moves by its daily bills no lines are asked for: they are as of those days.
lines_dated as (
    select
        lines_landed.account,
        lines_landed.is_own_bill,
        cast(lines_landed.bill_month || '-01' as date) as month_start_date,
        case
            when
                days_proven.proven_at > lines_landed.landed_at
                and coalesce(days_proven.changed_at <= lines_landed.landed_at, true)
                then days_proven.proven_at
            else lines_landed.landed_at
        end as as_of_at
    from lines_landed
    left join days_proven
        on
            lines_landed.account = days_proven.account
            and lines_landed.is_own_bill = days_proven.is_own_bill
            and lines_landed.bill_month = days_proven.bill_month
    where lines_landed.landed_at is not null
),

-- No clock is read: every run takes lists, so the newest list tells the day. Lines that landed on
-- it hold all that was charged by the day before; days on which none landed are not known.
months_known as (
    select
        lines_dated.account,
        lines_dated.is_own_bill,
        lines_dated.month_start_date,
        least(
            last_day(lines_dated.month_start_date),
            cast(lines_dated.as_of_at as date) - 1,
            days_seen.as_of_date - 1
        ) as to_date
    from lines_dated
    left join days_seen on lines_dated.account = days_seen.account
),

windows as (
    select
        account,
        is_own_bill,
        max(to_date) as to_date,
        unnest(
            cast(generate_series(max(to_date) - 27, max(to_date), interval 1 day) as date[])
        ) as charge_date
    from months_known
    where to_date >= month_start_date
    group by account, is_own_bill
),

-- Days of months that did not land are not known, so they are left out of the mean.
days_known as (
    select distinct
        windows.account,
        windows.is_own_bill,
        windows.to_date,
        windows.charge_date,
        windows.to_date - windows.charge_date < 7 as is_recent
    from windows
    inner join months_known
        on
            windows.account = months_known.account
            and windows.is_own_bill = months_known.is_own_bill
            and windows.charge_date between months_known.month_start_date and months_known.to_date
),

days_counted as (
    select
        account,
        is_own_bill,
        min(charge_date) as from_date,
        max(to_date) as to_date,
        count(*) as day_count,
        count(*) filter (where is_recent) as recent_day_count
    from days_known
    group by account, is_own_bill
),

customers_landed as (
    select
        customer_uin,
        bill_month,
        max(case when is_carried or proof = 'failed' then proven_at else asked_to_at end)
            as landed_at
    from landed_lines
    where not starts_with(dataset, 'own_')
    group by customer_uin, bill_month
),

customer_days_proven as (
    select
        customer_uin,
        bill_month,
        max(changed_at) as changed_at,
        max(proven_at) as proven_at
    from customer_days
    group by customer_uin, bill_month
    having bool_and(is_proven)
),

-- Lines of a pack are of no one customer, but of all.
customers_dated as (
    select
        customers_landed.customer_uin,
        customers_landed.bill_month,
        greatest(
            customers_landed.landed_at,
            packs_landed.landed_at,
            case
                when
                    coalesce(customer_days_proven.changed_at <= customers_landed.landed_at, true)
                    then customer_days_proven.proven_at
            end
        ) as as_of_at
    from customers_landed
    left join customers_landed as packs_landed
        on
            customers_landed.bill_month = packs_landed.bill_month
            and packs_landed.customer_uin is null
    left join customer_days_proven
        on
            customers_landed.bill_month = customer_days_proven.bill_month
            and customers_landed.customer_uin = customer_days_proven.customer_uin
    where customers_landed.customer_uin is not null
),

-- Of whom lines of the counted days are lacking that landed for others, the pace is not known.
customers_behind as (
    select distinct
        months_known.account,
        customers_dated.customer_uin
    from customers_dated
    inner join months_known
        on
            not months_known.is_own_bill
            and customers_dated.bill_month = strftime(months_known.month_start_date, '%Y-%m')
    inner join days_counted
        on
            months_known.account = days_counted.account
            and not days_counted.is_own_bill
            and months_known.to_date >= days_counted.from_date
    where
        coalesce(
            cast(customers_dated.as_of_at as date) - 1 < months_known.to_date,
            true
        )
),

-- What is settled monthly is charged in the first days of the next month, so bills begin a month
-- before the days do.
months_wanted as (
    select strftime(min(charge_date) - interval 1 month, '%Y-%m') as from_month from days_known
),

-- What is used for a day at most is pay-as-you-go; subscriptions and what is settled monthly come
-- in lumps.
gathered as (
    select
        null as account,
        customer_uin,
        billing_currency,
        cast(coalesce(transaction_at, usage_start_at) as date) as charge_date,
        coalesce(usage_end_at - usage_start_at <= interval 1 day, false) as is_by_day,
        billed_cost
    from bill_lines
    where bill_month >= (select months_wanted.from_month from months_wanted)
    union all
    select
        account,
        null as customer_uin,
        billing_currency,
        cast(coalesce(transaction_at, usage_start_at) as date) as charge_date,
        coalesce(usage_end_at - usage_start_at <= interval 1 day, false) as is_by_day,
        billed_cost
    from own_bill_lines
    where bill_month >= (select months_wanted.from_month from months_wanted)
),

charges_dated as (
    select
        account,
        customer_uin,
        billing_currency,
        charge_date,
        sum(billed_cost) as billed_cost,
        sum(billed_cost) filter (where is_by_day) as by_day_cost
    from gathered
    group by account, customer_uin, billing_currency, charge_date
),

-- A customer's lines are counted by one account; whichever it is, they spend its credit.
charges_summed as (
    select
        days_known.account,
        charges_dated.customer_uin,
        charges_dated.billing_currency,
        sum(charges_dated.billed_cost) as billed_cost,
        sum(charges_dated.by_day_cost) filter (where days_known.is_recent) as by_day_cost
    from days_known
    inner join charges_dated
        on
            days_known.charge_date = charges_dated.charge_date
            and (
                (days_known.is_own_bill and days_known.account = charges_dated.account)
                or (not days_known.is_own_bill and charges_dated.customer_uin is not null)
            )
    group by days_known.account, charges_dated.customer_uin, charges_dated.billing_currency
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
            when customers_behind.customer_uin is not null then null
            when days_counted.day_count > 0 and customers_gathered.credit_currency is not null
                then coalesce(charges_summed.billed_cost, 0)
        end as billed_cost,
        case
            when customers_behind.customer_uin is not null then null
            when customers_gathered.credit_currency is not null
                then coalesce(charges_summed.by_day_cost, 0)
        end as by_day_cost
    from customers_gathered
    left join days_counted
        on
            customers_gathered.account = days_counted.account
            and days_counted.is_own_bill = (customers_gathered.customer_uin is null)
    left join charges_summed
        on
            customers_gathered.account = charges_summed.account
            and customers_gathered.customer_uin is not distinct from charges_summed.customer_uin
            and customers_gathered.credit_currency = charges_summed.billing_currency
    left join customers_behind
        on
            customers_gathered.account = customers_behind.account
            and customers_gathered.customer_uin = customers_behind.customer_uin
),

-- Amounts are divided as whole hundred-millionths, and rates rounded half away from zero: a
-- division of decimals makes a double, which is a day short where they come out even. One too large
-- for that costs its figure, not the release.
final as (
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
        -- 1085/74089); that it does so at, not below them, is inferred.
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
)

select * from final
