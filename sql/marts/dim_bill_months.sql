-- Bill months of each account: state, landing times, counts, and whether they are complete and
-- reconciled.
-- Grain: one row per account, bill month and is_own_bill.
-- Counts may be summed over accounts; a customer of several accounts is counted by one of them.
with

-- Customers that another account counts affect neither the counts nor the flags.
customers_summed as (
    select
        account,
        bill_month,
        false as is_own_bill,
        case
            when bool_or(month_state = 'open') then 'open'
            when bool_or(month_state = 'provisional') then 'provisional'
            else max(month_state)
        end as month_state,
        min(as_of_at) as as_of_at,
        count(customer_uin) filter (where is_counted) as customer_count,
        cast(coalesce(sum(landed_rows) filter (where is_counted), 0) as bigint) as bill_line_count,
        coalesce(bool_and(is_complete) filter (where is_counted), true) as is_complete,
        coalesce(bool_and(is_reconciled) filter (where is_counted), true) as is_reconciled
    from main.rpt_reconciliation
    group by all
),

own_agreed as (
    select
        account,
        bill_month,
        bool_and(is_equal or is_informative) as is_reconciled
    from main.rpt_own_reconciliation
    group by all
),

summed as (
    select * from customers_summed
    union all by name
    select
        own_months.account,
        own_months.bill_month,
        true as is_own_bill,
        own_months.month_state,
        own_months.as_of_at,
        1 as customer_count,
        own_months.landed_rows as bill_line_count,
        own_months.is_complete,
        coalesce(own_agreed.is_reconciled, false) as is_reconciled
    from intermediate.int_own_months_landed as own_months
    left join own_agreed using (account, bill_month)
),

files_summed as (
    select
        account,
        bill_month,
        starts_with(dataset, 'own_') as is_own_bill,
        min(first_landed_at) as first_landed_at,
        max(requested_to_at) as last_landed_at,
        arg_max(month_state, requested_to_at) as month_state,
        min(requested_to_at) as as_of_at,
        bool_and(state = 'whole') and bool_or(dataset = 'customer_bill_detail') as is_whole
    from staging.stg_landed_files
    where bill_month is not null
    group by all
)

-- A month without any requested customer is complete if its files are whole: the account had no
-- customers.
select
    account,
    bill_month,
    is_own_bill,
    month_start(bill_month) as month_start_date,
    last_day(month_start(bill_month)) as month_end_date,
    coalesce(summed.month_state, files_summed.month_state) as month_state,
    files_summed.first_landed_at,
    files_summed.last_landed_at,
    coalesce(summed.as_of_at, files_summed.as_of_at) as as_of_at,
    coalesce(summed.customer_count, 0) as customer_count,
    coalesce(summed.bill_line_count, 0) as bill_line_count,
    coalesce(summed.is_complete, files_summed.is_whole) as is_complete,
    coalesce(summed.is_reconciled, files_summed.is_whole) as is_reconciled,
    closed_months.release_id as closed_release_id,
    closed_months.closed_at
from files_summed
left join summed using (account, bill_month, is_own_bill)
left join staging.stg_closed_months as closed_months using (account, bill_month, is_own_bill)
