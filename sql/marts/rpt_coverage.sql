-- What is missing, stale or not proven, and the one command that fixes it.
-- Grain: one row per account, dataset, bill month and customer with a problem.
-- There is nothing to sum: one cause may show in several datasets, and one command fixes them
-- together.
with

landed_files as (
    select * from staging.stg_landed_files
),

landed_slices as (
    select * from staging.stg_landed_slices
),

expected as (
    select * from intermediate.int_datasets_expected
),

months_spanned as (
    select * from intermediate.int_months_spanned
),

days_judged as (
    select * from intermediate.int_days_judged
),

days_changed as (
    select * from intermediate.int_customer_days_proven
),

customers as (
    select * from staging.stg_customers
),

indirect_customers as (
    select * from staging.stg_indirect_customers
),

reconciliation as (
    select * from main.rpt_reconciliation
),

-- Age is measured against the newest landing and the newest list of any account, not against a
-- clock; every run fetches the lists.
lake_dated as (
    select
        max(requested_to_at) as as_of_at,
        cast(max(requested_to_at) as date) as requested_date,
        coalesce(max(snapshot_date), cast(max(requested_to_at) as date)) as as_of_date
    from landed_files
),

month_files as (
    select
        account,
        dataset,
        bill_month,
        month_state,
        requested_to_at
    from landed_files
    where bill_month is not null and bill_date is null
),

month_datasets as (
    select
        months_spanned.account,
        months_spanned.bill_month,
        months_spanned.is_issued,
        lake_dated.requested_date,
        expected.dataset,
        expected.action_name,
        expected.slice_by,
        expected.is_file,
        expected.changed_if_dataset,
        expected.requested_if_rows_dataset,
        expected.requested_if_cost_dataset,
        month_files.month_state,
        month_files.requested_to_at
    from months_spanned
    cross join lake_dated
    inner join expected on months_spanned.account = expected.account
    left join month_files
        on
            months_spanned.account = month_files.account
            and months_spanned.bill_month = month_files.bill_month
            and expected.dataset = month_files.dataset
    where
        months_spanned.is_landed
        and expected.partition_kind = 'bill_month'
        and (months_spanned.is_issued or not expected.needs_issued_bill)
        -- Lines of an issued month may come from files or from pages: one of them is enough.
        and not (
            months_spanned.is_issued
            and months_spanned.has_line_files
            and expected.dataset in ('customer_bill_detail', 'own_bill_detail')
            and coalesce(month_files.month_state, '') <> 'issued'
        )
),

months_not_whole as (
    select
        account,
        dataset,
        bill_month,
        null as customer_uin,
        case when requested_to_at is null then 'missing' else 'stale' end as problem,
        case
            when requested_to_at is null
                then
                    'Nothing has landed: it was not requested yet, or the account may not call '
                    || action_name || '.'
            when is_issued
                then
                    'It was last requested while the month was ' || month_state
                    || '; since then the bill was issued.'
            else
                'It was last requested on ' || cast(requested_to_at as date)
                || ', the newest landing is of ' || requested_date || '.'
        end as reason,
        false as is_full,
        requested_to_at as landed_at
    from month_datasets
    where
        requested_to_at is null
        or (is_issued and month_state <> 'issued')
        -- Some datasets are requested only if daily bills changed; customers_compared checks them.
        or (
            not is_issued
            and changed_if_dataset is null
            and cast(requested_to_at as date) < requested_date
        )
),

customers_of_months as (
    select
        account,
        dataset,
        bill_month,
        customer_uin,
        slice_params,
        landed_rows,
        billed_cost,
        proof,
        proven_at,
        changed_at,
        requested_to_at,
        reason,
        error_code,
        is_listed,
        is_carried,
        is_proven_issued
    from landed_slices
    where bill_month is not null and bill_date is null
),

-- Where a customer's lines come from files, the state of its pages does not matter.
customers_compared as (
    select
        month_datasets.account,
        month_datasets.dataset,
        month_datasets.bill_month,
        customers_of_months.customer_uin,
        customers_of_months.proof,
        customers_of_months.reason,
        customers_of_months.error_code,
        customers_of_months.is_listed,
        customers_of_months.proven_at,
        customers_of_months.is_carried and customers_of_months.is_proven_issued as is_settled,
        -- Summaries by tag keys that were removed from the settings are not requested again.
        month_datasets.is_issued
        and month_datasets.month_state = 'issued'
        and not customers_of_months.is_proven_issued
        and coalesce(customers_of_months.slice_params not like '%TagKey%', true)
            as is_older_than_bill,
        not month_datasets.is_issued
        and month_datasets.changed_if_dataset is not null
        and days_changed.changed_at > customers_of_months.proven_at as is_older_than_days
    from month_datasets
    inner join customers_of_months
        on
            month_datasets.account = customers_of_months.account
            and month_datasets.bill_month = customers_of_months.bill_month
            and month_datasets.dataset = customers_of_months.dataset
    left join days_changed
        on
            customers_of_months.account = days_changed.account
            and customers_of_months.bill_month = days_changed.bill_month
            and customers_of_months.customer_uin = days_changed.customer_uin
    anti join reconciliation
        on
            customers_of_months.account = reconciliation.account
            and customers_of_months.bill_month = reconciliation.bill_month
            and customers_of_months.customer_uin = reconciliation.customer_uin
            and customers_of_months.dataset = 'customer_bill_detail'
            and reconciliation.line_source = 'files'
    -- Customers without bill lines, or with a bill of zero, are not requested again.
    anti join customers_of_months as bills
        on
            customers_of_months.account = bills.account
            and customers_of_months.bill_month = bills.bill_month
            and customers_of_months.customer_uin = bills.customer_uin
            and bills.proof = 'proven'
            and bills.is_proven_issued
            and (
                (month_datasets.requested_if_rows_dataset = bills.dataset and bills.landed_rows = 0)
                or (
                    month_datasets.requested_if_cost_dataset = bills.dataset
                    and bills.billed_cost = 0
                )
            )
),

customers_not_whole as (
    select
        account,
        dataset,
        bill_month,
        customer_uin,
        case
            when proof = 'failed' and not is_listed then 'left'
            when
                proof = 'failed'
                and split_part(error_code, '.', 1) in ('UnauthorizedOperation', 'AuthFailure')
                then 'not_allowed'
            when proof <> 'proven' then proof
            else 'stale'
        end as problem,
        case
            when proof <> 'proven' then coalesce(reason, 'It is not proven to be whole.')
            when is_older_than_bill
                then 'The rows were last proven at ' || proven_at || ', before the bill was issued.'
            else
                'The customer''s daily bills changed after the rows were proven at '
                || proven_at || '.'
        end as reason,
        false as is_full,
        proven_at as landed_at
    from customers_compared
    where
        (proof <> 'proven' and not (proof = 'failed' and not is_listed and is_settled))
        or (proof = 'proven' and (is_older_than_bill or is_older_than_days))
),

lists_dated as (
    select
        account,
        dataset,
        max(snapshot_date) as snapshot_date
    from landed_files
    where snapshot_date is not null
    group by account, dataset
),

-- A list that is not whole may leave out customers, so the last whole one counts.
lists_whole as (
    select
        account,
        dataset,
        max(snapshot_date) as snapshot_date
    from landed_files
    where snapshot_date is not null and state = 'whole'
    group by account, dataset
),

customers_listed as (
    select
        customers.account,
        customers.customer_uin
    from customers
    left join lists_whole
        on
            customers.account = lists_whole.account
            and lists_whole.dataset = 'customers'
    where customers.snapshot_date >= coalesce(lists_whole.snapshot_date, customers.snapshot_date)
    union
    select
        indirect_customers.account,
        indirect_customers.customer_uin
    from indirect_customers
    left join lists_whole
        on
            indirect_customers.account = lists_whole.account
            and lists_whole.dataset = 'indirect_customers'
    where
        indirect_customers.snapshot_date
        >= coalesce(lists_whole.snapshot_date, indirect_customers.snapshot_date)
),

-- Customers expected in a month: those that landed and, until its bill is issued, those listed now.
customers_expected as (
    select
        customers_of_months.account,
        customers_of_months.bill_month,
        customers_of_months.customer_uin
    from customers_of_months
    semi join expected
        on customers_of_months.dataset = expected.dataset and expected.slice_by = 'customer'
    where customers_of_months.customer_uin is not null
    union
    select
        months_spanned.account,
        months_spanned.bill_month,
        customers_listed.customer_uin
    from months_spanned
    inner join customers_listed on months_spanned.account = customers_listed.account
    where not months_spanned.is_issued
),

customers_missing as (
    select
        month_datasets.account,
        month_datasets.dataset,
        month_datasets.bill_month,
        customers_expected.customer_uin,
        'missing' as problem,
        'The customer belongs to the account, but this was never requested.' as reason,
        false as is_full,
        null as landed_at
    from month_datasets
    inner join customers_expected
        on
            month_datasets.account = customers_expected.account
            and month_datasets.bill_month = customers_expected.bill_month
    anti join customers_of_months
        on
            month_datasets.account = customers_of_months.account
            and month_datasets.bill_month = customers_of_months.bill_month
            and month_datasets.dataset = customers_of_months.dataset
            and customers_expected.customer_uin = customers_of_months.customer_uin
    anti join reconciliation
        on
            month_datasets.dataset = 'customer_bill_detail'
            and reconciliation.line_source = 'files'
            and customers_expected.account = reconciliation.account
            and customers_expected.bill_month = reconciliation.bill_month
            and customers_expected.customer_uin = reconciliation.customer_uin
    where
        month_datasets.slice_by = 'customer'
        and month_datasets.requested_to_at is not null
        and month_datasets.requested_if_rows_dataset is null
        and month_datasets.requested_if_cost_dataset is null
    union all
    -- Files are requested for customers with bill lines, unpaid amounts for bills other than zero.
    select
        month_datasets.account,
        month_datasets.dataset,
        month_datasets.bill_month,
        bills.customer_uin,
        'missing' as problem,
        'The customer was billed, but this was never requested.' as reason,
        false as is_full,
        null as landed_at
    from month_datasets
    inner join customers_of_months as bills
        on
            month_datasets.account = bills.account
            and month_datasets.bill_month = bills.bill_month
            and bills.is_proven_issued
            and (
                (month_datasets.requested_if_rows_dataset = bills.dataset and bills.landed_rows > 0)
                or (
                    month_datasets.requested_if_cost_dataset = bills.dataset
                    and bills.billed_cost <> 0
                )
            )
    anti join customers_of_months as slices
        on
            month_datasets.account = slices.account
            and month_datasets.bill_month = slices.bill_month
            and month_datasets.dataset = slices.dataset
            and bills.customer_uin = slices.customer_uin
    where month_datasets.requested_to_at is not null
),

bills_changed as (
    select
        account,
        bill_month,
        max(changed_at) as changed_at
    from customers_of_months
    where dataset in ('customer_bill_summary', 'own_bill_summary')
    group by account, bill_month
),

-- Files are not requested again without --full. One day is allowed, as a run lands bill and file.
files_outdated as (
    select
        month_datasets.account,
        month_datasets.dataset,
        month_datasets.bill_month,
        customers_of_months.customer_uin,
        'stale' as problem,
        'The month''s bill changed at ' || bills_changed.changed_at
        || ', after the file was downloaded.' as reason,
        true as is_full,
        customers_of_months.proven_at as landed_at
    from month_datasets
    inner join customers_of_months
        on
            month_datasets.account = customers_of_months.account
            and month_datasets.bill_month = customers_of_months.bill_month
            and month_datasets.dataset = customers_of_months.dataset
    inner join bills_changed
        on
            month_datasets.account = bills_changed.account
            and month_datasets.bill_month = bills_changed.bill_month
            and customers_of_months.proven_at + interval 1 day < bills_changed.changed_at
    where
        month_datasets.is_file
        and month_datasets.requested_if_rows_dataset is null
        and month_datasets.dataset <> 'commission_files'
        and customers_of_months.is_proven_issued
),

lists_not_whole as (
    select
        expected.account,
        expected.dataset,
        null as bill_month,
        null as customer_uin,
        case when lists_dated.snapshot_date is null then 'missing' else 'stale' end as problem,
        case
            when lists_dated.snapshot_date is null
                then
                    'It was never fetched: not requested yet, or the account may not call '
                    || expected.action_name || '.'
            else
                'It was last fetched on ' || lists_dated.snapshot_date
                || ', the newest list is of ' || lake_dated.as_of_date || '.'
        end as reason,
        false as is_full,
        cast(lists_dated.snapshot_date || ' 00:00:00+08:00' as timestamptz) as landed_at
    from expected
    cross join lake_dated
    left join lists_dated
        on
            expected.account = lists_dated.account
            and expected.dataset = lists_dated.dataset
    where
        expected.partition_kind = 'snapshot_date'
        and (
            lists_dated.snapshot_date is null
            or lists_dated.snapshot_date < lake_dated.as_of_date
        )
    union all
    select
        landed_slices.account,
        landed_slices.dataset,
        null as bill_month,
        landed_slices.customer_uin,
        case
            when
                landed_slices.proof = 'failed'
                and split_part(landed_slices.error_code, '.', 1)
                in ('UnauthorizedOperation', 'AuthFailure')
                then 'not_allowed'
            else landed_slices.proof
        end as problem,
        coalesce(landed_slices.reason, 'It is not proven to be whole.') as reason,
        false as is_full,
        landed_slices.proven_at as landed_at
    from landed_slices
    inner join lists_dated
        on
            landed_slices.account = lists_dated.account
            and landed_slices.dataset = lists_dated.dataset
            and landed_slices.snapshot_date = lists_dated.snapshot_date
    where landed_slices.proof <> 'proven' and landed_slices.is_listed
),

gathered as (
    select
        account,
        null as dataset,
        bill_month,
        null as customer_uin,
        'missing' as problem,
        'This month was never requested, though earlier ones were.' as reason,
        false as is_full,
        null as landed_at
    from months_spanned
    where not is_landed
    union all
    select
        account,
        dataset,
        bill_month,
        customer_uin,
        problem,
        reason,
        is_full,
        landed_at
    from months_not_whole
    union all
    select
        account,
        dataset,
        bill_month,
        customer_uin,
        problem,
        reason,
        is_full,
        landed_at
    from customers_not_whole
    union all
    select
        account,
        dataset,
        bill_month,
        customer_uin,
        problem,
        reason,
        is_full,
        landed_at
    from customers_missing
    union all
    select
        account,
        dataset,
        bill_month,
        customer_uin,
        problem,
        reason,
        is_full,
        landed_at
    from files_outdated
    union all
    select
        account,
        dataset,
        bill_month,
        customer_uin,
        problem,
        reason,
        is_full,
        landed_at
    from days_judged
    union all
    select
        account,
        dataset,
        bill_month,
        customer_uin,
        problem,
        reason,
        is_full,
        landed_at
    from lists_not_whole
),

-- Several slices, such as vouchers, share a row: their worst problem and all their reasons.
grouped as (
    select
        account,
        dataset,
        bill_month,
        customer_uin,
        arg_min(
            problem,
            list_position(
                ['missing', 'not_allowed', 'failed', 'unproven', 'stale', 'left'], problem
            )
        ) as problem,
        string_agg(distinct reason, ' ' order by reason) as reason,
        bool_or(is_full) as is_full,
        min(landed_at) as landed_at
    from gathered
    group by account, dataset, bill_month, customer_uin
),

final as (
    select
        grouped.account,
        grouped.dataset,
        grouped.bill_month,
        grouped.customer_uin,
        grouped.problem,
        grouped.reason,
        case
            when grouped.problem = 'left' then null
            else
                '.venv/bin/python -m assets '
                || case
                    when grouped.bill_month is null then 'snapshots'
                    else
                        'month ' || grouped.bill_month
                        || case when grouped.is_full then ' --full' else '' end
                end
                || ' --account ' || grouped.account
        end as heal_command,
        grouped.landed_at,
        lake_dated.as_of_at
    from grouped
    cross join lake_dated
)

select * from final
