-- Rows of customers that are missing, not proven, or older than the bill or daily bills.
-- Grain: one row per account, dataset, bill month, customer and slice with a problem.
-- Nothing to sum.
with

slices as (
    select * from staging.stg_landed_slices
    where bill_month is not null and bill_date is null
),

-- Where a customer's lines come from files, the state of its pages does not matter.
pages_replaced as (
    select
        account,
        bill_month,
        customer_uin,
        'customer_bill_detail' as dataset
    from intermediate.int_customer_months_sourced
    where line_source = 'files'
),

-- Some datasets are requested only of customers that were billed: files of those with bill lines,
-- unpaid amounts of those with a bill other than zero.
bills as (
    select
        datasets.account,
        datasets.bill_month,
        datasets.dataset,
        slices.customer_uin,
        slices.proof = 'proven' as is_proven,
        case
            when datasets.requested_if_rows_dataset = slices.dataset then slices.landed_rows > 0
            else slices.billed_cost <> 0
        end as is_billed
    from intermediate.int_month_datasets as datasets
    inner join slices
        on
            datasets.account = slices.account
            and datasets.bill_month = slices.bill_month
            and slices.dataset
            in (datasets.requested_if_rows_dataset, datasets.requested_if_cost_dataset)
    where slices.is_proven_issued
),

not_billed as (
    select * from bills
    where is_proven and not is_billed
),

compared as (
    select
        slices.*,
        slices.is_carried and slices.is_proven_issued as is_settled,
        -- Summaries by tag keys that were removed from the settings are not requested again.
        datasets.is_issued
        and datasets.month_state = 'issued'
        and not slices.is_proven_issued
        and coalesce(slices.slice_params not like '%TagKey%', true) as is_older_than_bill,
        not datasets.is_issued
        and datasets.changed_if_dataset is not null
        and days.changed_at > slices.proven_at as is_older_than_days
    from intermediate.int_month_datasets as datasets
    inner join slices using (account, bill_month, dataset)
    left join intermediate.int_customer_days_proven as days
        using (account, bill_month, customer_uin)
    anti join pages_replaced using (account, bill_month, customer_uin, dataset)
    anti join not_billed using (account, bill_month, customer_uin, dataset)
),

lists_whole as (
    select
        account,
        dataset,
        max(snapshot_date) as whole_date
    from staging.stg_landed_files
    where snapshot_date is not null and state = 'whole'
    group by all
),

lists as (
    select
        account,
        customer_uin,
        snapshot_date,
        'customers' as dataset
    from staging.stg_customers
    union all by name
    select
        account,
        customer_uin,
        snapshot_date,
        'indirect_customers' as dataset
    from staging.stg_indirect_customers
),

-- Customers expected in a month: those that landed and, until its bill is issued, those listed now.
-- A list that is not whole may leave out customers, so the last whole one counts.
expected as (
    select
        slices.account,
        slices.bill_month,
        slices.customer_uin
    from slices
    semi join intermediate.int_datasets_expected as datasets
        on slices.dataset = datasets.dataset and datasets.slice_by = 'customer'
    where slices.customer_uin is not null
    union
    select
        account,
        months.bill_month,
        lists.customer_uin
    from intermediate.int_months_spanned as months
    inner join lists using (account)
    left join lists_whole using (account, dataset)
    where
        not months.is_issued
        and lists.snapshot_date >= coalesce(lists_whole.whole_date, lists.snapshot_date)
),

bills_changed as (
    select
        account,
        bill_month,
        max(changed_at) as bill_changed_at
    from slices
    where dataset in ('customer_bill_summary', 'own_bill_summary')
    group by all
)

select
    account,
    dataset,
    bill_month,
    customer_uin,
    slice_params,
    case
        when proof = 'failed' and not is_listed then 'left'
        when is_not_allowed(proof, error_code) then 'not_allowed'
        when proof <> 'proven' then proof
        else 'stale'
    end as problem,
    case
        when proof <> 'proven' then coalesce(reason, 'It is not proven to be whole.')
        when is_older_than_bill
            then 'The rows were last proven at ' || proven_at || ', before the bill was issued.'
        else
            'The customer''s daily bills changed after the rows were proven at ' || proven_at || '.'
    end as reason,
    false as is_full,
    proven_at as landed_at
from compared
where
    (proof <> 'proven' and not (proof = 'failed' and not is_listed and is_settled))
    or (proof = 'proven' and (is_older_than_bill or is_older_than_days))
union all by name
select
    account,
    datasets.dataset,
    bill_month,
    expected.customer_uin,
    'missing' as problem,
    'The customer belongs to the account, but this was never requested.' as reason,
    false as is_full
from intermediate.int_month_datasets as datasets
inner join expected using (account, bill_month)
anti join slices using (account, bill_month, dataset, customer_uin)
anti join pages_replaced using (account, bill_month, customer_uin, dataset)
where
    datasets.slice_by = 'customer'
    and datasets.requested_to_at is not null
    and datasets.requested_if_rows_dataset is null
    and datasets.requested_if_cost_dataset is null
union all by name
select
    account,
    dataset,
    bill_month,
    customer_uin,
    'missing' as problem,
    'The customer was billed, but this was never requested.' as reason,
    false as is_full
from bills
inner join intermediate.int_month_datasets as datasets using (account, bill_month, dataset)
anti join slices using (account, bill_month, dataset, customer_uin)
where bills.is_billed and datasets.requested_to_at is not null
union all by name
-- Files are not requested again without --full. One day is allowed, as a run lands bill and file.
select
    account,
    dataset,
    bill_month,
    slices.customer_uin,
    slices.slice_params,
    'stale' as problem,
    'The month''s bill changed at ' || bill_changed_at || ', after the file was downloaded.'
        as reason,
    true as is_full,
    slices.proven_at as landed_at
from intermediate.int_month_datasets as datasets
inner join slices using (account, bill_month, dataset)
inner join bills_changed using (account, bill_month)
where
    slices.proven_at + interval 1 day < bill_changed_at
    and datasets.is_file
    and datasets.requested_if_rows_dataset is null
    and dataset <> 'commission_files'
    and slices.is_proven_issued
