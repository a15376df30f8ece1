-- Months of each customer and each own bill beside the calendar month before.
-- Grain: one row per account, customer or own bill, and bill month that landed, or that follows
-- such a month and landed for another customer of the account.
-- It has flags only, nothing to sum.
with

reconciliation as (
    select * from main.rpt_reconciliation
    where
        coalesce(is_counted, true)
        and (landed_rows > 0 or detail_cost is not null)
),

customers as (
    select * from main.dim_customers
),

landed_lists as (
    select * from staging.stg_landed_files
    where dataset in ('customers', 'indirect_customers')
),

days_proven as (
    select * from intermediate.int_customer_days_proven
    where is_proven
),

own_months as (
    select * from main.dim_bill_months
    where is_own_bill and (bill_line_count > 0 or is_complete)
),

-- While a customer's daily bills are unchanged, its lines are not requested again: they hold as of
-- the daily bills.
landed as (
    select
        reconciliation.account,
        reconciliation.customer_uin,
        false as is_own_bill,
        reconciliation.bill_month,
        reconciliation.month_state,
        reconciliation.is_complete,
        case
            when
                days_proven.proven_at > reconciliation.as_of_at
                and coalesce(days_proven.changed_at <= reconciliation.as_of_at, true)
                then days_proven.proven_at
            else reconciliation.as_of_at
        end as as_of_at
    from reconciliation
    left join days_proven
        on
            reconciliation.account = days_proven.account
            and reconciliation.customer_uin = days_proven.customer_uin
            and reconciliation.bill_month = days_proven.bill_month
    union all
    select
        account,
        null as customer_uin,
        true as is_own_bill,
        bill_month,
        month_state,
        is_complete,
        as_of_at
    from own_months
),

months_of_accounts as (
    select
        account,
        is_own_bill,
        bill_month,
        arg_min(month_state, as_of_at) as month_state,
        min(as_of_at) as as_of_at
    from landed
    group by account, is_own_bill, bill_month
),

-- For each kind of list that the account has: the last whole list before the customer first
-- appeared and the first whole list after it last appeared. A list that is not whole may have left
-- it out.
lists_compared as (
    select
        customers.account,
        customers.customer_uin,
        customers.is_listed,
        landed_lists.dataset,
        max(landed_lists.snapshot_date) filter (
            where
            landed_lists.state = 'whole'
            and landed_lists.snapshot_date < customers.first_listed_date
        ) as before_date,
        min(landed_lists.snapshot_date) filter (
            where
            landed_lists.state = 'whole'
            and landed_lists.snapshot_date > customers.last_listed_date
        ) as after_date
    from customers
    inner join landed_lists on customers.account = landed_lists.account
    group by customers.account, customers.customer_uin, customers.is_listed, landed_lists.dataset
),

-- A customer was absent only when the lists of every kind lacked it. For customers on an account's
-- first list, it is not known since when they are its customers.
listed as (
    select
        account,
        customer_uin,
        case when count(before_date) = count(*) then min(before_date) end as absent_to_date,
        case
            when not is_listed and count(after_date) = count(*) then max(after_date)
        end as absent_from_date
    from lists_compared
    group by account, customer_uin, is_listed
),

-- A customer that first appeared after a month, or was gone before it, had no bill of it.
months_unbilled as (
    select
        listed.account,
        listed.customer_uin,
        months_of_accounts.bill_month,
        months_of_accounts.month_state,
        months_of_accounts.as_of_at
    from listed
    inner join months_of_accounts
        on
            listed.account = months_of_accounts.account
            and not months_of_accounts.is_own_bill
            and (
                last_day(cast(months_of_accounts.bill_month || '-01' as date))
                < listed.absent_to_date
                or cast(months_of_accounts.bill_month || '-01' as date) > listed.absent_from_date
            )
    anti join landed
        on
            listed.account = landed.account
            and listed.customer_uin = landed.customer_uin
            and months_of_accounts.bill_month = landed.bill_month
),

known as (
    select
        account,
        customer_uin,
        is_own_bill,
        bill_month,
        month_state,
        is_complete,
        as_of_at
    from landed
    union all
    select
        account,
        customer_uin,
        false as is_own_bill,
        bill_month,
        month_state,
        true as is_complete,
        as_of_at
    from months_unbilled
),

months_shifted as (
    select
        account,
        customer_uin,
        is_own_bill,
        bill_month,
        month_state,
        is_complete,
        as_of_at,
        strftime(cast(bill_month || '-01' as date) + interval 1 month, '%Y-%m') as next_bill_month
    from known
),

expected as (
    select
        account,
        customer_uin,
        is_own_bill,
        bill_month
    from landed
    union
    select
        landed.account,
        landed.customer_uin,
        landed.is_own_bill,
        months_of_accounts.bill_month
    from landed
    inner join months_of_accounts
        on
            landed.account = months_of_accounts.account
            and landed.is_own_bill = months_of_accounts.is_own_bill
            and strftime(cast(landed.bill_month || '-01' as date) + interval 1 month, '%Y-%m')
            = months_of_accounts.bill_month
),

-- A day's usage is on the bill some hours after the day ended: 1 for most products, 7 in files
-- (document 1085/48339). The case is there because least() ignores nulls.
final as (
    select
        expected.account,
        expected.customer_uin,
        expected.is_own_bill,
        expected.bill_month,
        strftime(cast(expected.bill_month || '-01' as date) - interval 1 month, '%Y-%m')
            as previous_bill_month,
        known.bill_month is not null as is_landed,
        months_shifted.bill_month is not null as is_previous_landed,
        known.month_state,
        months_shifted.month_state as previous_month_state,
        coalesce(known.is_complete, false) as is_complete,
        coalesce(months_shifted.is_complete, false) as is_previous_complete,
        case
            when known.as_of_at is not null
                then
                    least(
                        cast(
                            (known.as_of_at - interval 7 hours) at time zone 'Asia/Shanghai'
                            as date
                        ) - 1,
                        last_day(cast(expected.bill_month || '-01' as date))
                    )
        end as as_of_date
    from expected
    left join known
        on
            expected.account = known.account
            and expected.is_own_bill = known.is_own_bill
            and expected.bill_month = known.bill_month
            and expected.customer_uin is not distinct from known.customer_uin
    left join months_shifted
        on
            expected.account = months_shifted.account
            and expected.is_own_bill = months_shifted.is_own_bill
            and expected.bill_month = months_shifted.next_bill_month
            and expected.customer_uin is not distinct from months_shifted.customer_uin
)

select * from final
