-- What this release is, and whether everything in it is complete and reconciled.
-- Grain: one row.
-- The flags cover every month that counts: rpt_reconciliation and rpt_own_reconciliation show the
-- customers and months behind them.
with

reconciliation as (
    select * from main.rpt_reconciliation
    where coalesce(is_counted, true)
),

own_reconciliation as (
    select * from main.rpt_own_reconciliation
),

-- Until a month is issued, accounts may differ because they were requested at different times.
issued_months as (
    select bill_month from main.rpt_reconciliation
    group by bill_month
    having bool_and(month_state = 'issued')
),

shared_customers as (
    select * from main.rpt_shared_customers
),

landed_files as (
    select * from staging.stg_landed_files
),

latest_lists as (
    select
        account,
        arg_max(state, snapshot_date) = 'whole' as is_whole
    from landed_files
    where dataset in ('customers', 'sub_agents', 'indirect_customers')
    group by account, dataset
),

lists_counted as (
    select coalesce(bool_and(is_whole), true) as are_whole from latest_lists
),

months as (
    select
        is_complete,
        is_reconciled
    from reconciliation
    union all
    select
        is_complete,
        is_equal or is_informative as is_reconciled
    from own_reconciliation
    union all
    select
        true as is_complete,
        shared_customers.is_agreed as is_reconciled
    from shared_customers
    inner join issued_months on shared_customers.bill_month = issued_months.bill_month
),

months_counted as (
    select
        coalesce(bool_and(is_complete), true) as are_complete,
        coalesce(bool_and(is_reconciled), true) as are_reconciled
    from months
),

unread as (
    select
        (select cast(count(*) as bigint) from meta.unreadable_files) as unreadable_file_count,
        (select cast(coalesce(sum(row_count), 0) as bigint) from meta.unread_values)
            as unread_value_count
),

final as (
    select
        getvariable('release_id') as release_id,
        getvariable('built_at') as built_at,
        getvariable('code_version') as code_version,
        getvariable('schema_version') as schema_version,
        months_counted.are_complete
        and lists_counted.are_whole
        and unread.unreadable_file_count = 0 as is_complete,
        months_counted.are_reconciled as is_reconciled,
        case when getvariable('mask_id') is null then 'plain' else 'masked' end as personal_data,
        getvariable('mask_id') as mask_id,
        unread.unread_value_count,
        unread.unreadable_file_count
    from months_counted
    cross join lists_counted
    cross join unread
)

select * from final
