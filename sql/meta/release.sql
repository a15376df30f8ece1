-- What this release is, and whether everything in it is complete and reconciled.
-- Grain: one row.
-- The flags cover every month that counts: rpt_reconciliation and rpt_own_reconciliation show the
-- customers and months behind them.
with

-- Until a month is issued, accounts may differ because they were requested at different times.
issued_months as (
    select bill_month from main.rpt_reconciliation
    group by bill_month
    having bool_and(month_state = 'issued')
),

-- What must be complete and reconciled: months that count, and the latest lists of customers. No
-- file may be unreadable.
parts as (
    select
        is_complete,
        is_reconciled
    from main.rpt_reconciliation
    where coalesce(is_counted, true)
    union all by name
    select
        is_complete,
        is_equal or is_informative as is_reconciled
    from main.rpt_own_reconciliation
    union all by name
    select shared_customers.is_agreed as is_reconciled
    from main.rpt_shared_customers as shared_customers
    inner join issued_months using (bill_month)
    union all by name
    select arg_max(state, snapshot_date) = 'whole' as is_complete
    from staging.stg_landed_files
    where dataset in ('customers', 'sub_agents', 'indirect_customers')
    group by account, dataset
    union all by name
    select false as is_complete
    from meta.unreadable_files
)

select
    getvariable('release_id') as release_id,
    getvariable('built_at') as built_at,
    getvariable('code_version') as code_version,
    getvariable('schema_version') as schema_version,
    coalesce(bool_and(is_complete), true) as is_complete,
    coalesce(bool_and(is_reconciled), true) as is_reconciled,
    case when getvariable('mask_id') is null then 'plain' else 'masked' end as personal_data,
    getvariable('mask_id') as mask_id,
    (select cast(coalesce(sum(row_count), 0) as bigint) from meta.unread_values)
        as unread_value_count,
    (select count(*) from meta.unreadable_files) as unreadable_file_count
from parts
