-- Months of each customer and each own bill beside the calendar month before.
-- Grain: one row per account, customer or own bill, and bill month that landed, or that follows
-- such a month and landed for another customer of the account.
-- It has flags only, nothing to sum.
with

-- While a customer's daily bills are unchanged, its lines are not requested again: they hold as of
-- the daily bills.
landed as (
    select
        bills.account,
        bills.customer_uin,
        false as is_own_bill,
        bills.bill_month,
        bills.month_state,
        bills.is_complete,
        case
            when
                days.is_proven
                and days.proven_at > bills.as_of_at
                and coalesce(days.changed_at <= bills.as_of_at, true)
                then days.proven_at
            else bills.as_of_at
        end as as_of_at
    from main.rpt_reconciliation as bills
    left join intermediate.int_customer_days_proven as days
        using (account, customer_uin, bill_month)
    where
        coalesce(bills.is_counted, true)
        and (bills.landed_rows > 0 or bills.detail_cost is not null)
    union all by name
    select
        account,
        is_own_bill,
        bill_month,
        month_state,
        is_complete,
        as_of_at
    from main.dim_bill_months
    where is_own_bill and (bill_line_count > 0 or is_complete)
),

months_of_accounts as (
    select
        account,
        is_own_bill,
        bill_month,
        arg_min(month_state, as_of_at) as month_state,
        min(as_of_at) as as_of_at
    from landed
    group by all
),

-- For each kind of list that the account has: the last whole list before the customer first
-- appeared and the first whole list after it last appeared. A list that is not whole may have left
-- it out.
lists_compared as (
    select
        customers.account,
        customers.customer_uin,
        customers.is_listed,
        lists.dataset,
        max(lists.snapshot_date) filter (
            where lists.state = 'whole' and lists.snapshot_date < customers.first_listed_date
        ) as before_date,
        min(lists.snapshot_date) filter (
            where lists.state = 'whole' and lists.snapshot_date > customers.last_listed_date
        ) as after_date
    from main.dim_customers as customers
    inner join staging.stg_landed_files as lists using (account)
    where lists.dataset in ('customers', 'indirect_customers')
    group by all
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
known as (
    select * from landed
    union all by name
    select
        listed.account,
        listed.customer_uin,
        false as is_own_bill,
        months.bill_month,
        months.month_state,
        true as is_complete,
        months.as_of_at
    from listed
    inner join months_of_accounts as months
        on
            listed.account = months.account
            and not months.is_own_bill
            and (
                last_day(month_start(months.bill_month)) < listed.absent_to_date
                or month_start(months.bill_month) > listed.absent_from_date
            )
    anti join landed
        on
            listed.account = landed.account
            and listed.customer_uin = landed.customer_uin
            and months.bill_month = landed.bill_month
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
        months.bill_month
    from landed
    inner join months_of_accounts as months
        on
            landed.account = months.account
            and landed.is_own_bill = months.is_own_bill
            and next_month(landed.bill_month) = months.bill_month
)

-- The case is there because least() ignores nulls.
select
    expected.account,
    expected.customer_uin,
    expected.is_own_bill,
    expected.bill_month,
    previous_month(expected.bill_month) as previous_bill_month,
    known.bill_month is not null as is_landed,
    before.bill_month is not null as is_previous_landed,
    known.month_state,
    before.month_state as previous_month_state,
    coalesce(known.is_complete, false) as is_complete,
    coalesce(before.is_complete, false) as is_previous_complete,
    case
        when known.as_of_at is not null
            then
                least(
                    last_day_billed(known.as_of_at), last_day(month_start(expected.bill_month))
                )
    end as as_of_date
from expected
left join known
    on
        expected.account = known.account
        and expected.is_own_bill = known.is_own_bill
        and expected.bill_month = known.bill_month
        and expected.customer_uin is not distinct from known.customer_uin
left join known as before
    on
        expected.account = before.account
        and expected.is_own_bill = before.is_own_bill
        and expected.bill_month = next_month(before.bill_month)
        and expected.customer_uin is not distinct from before.customer_uin
