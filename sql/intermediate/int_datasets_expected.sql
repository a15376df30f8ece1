-- The datasets that each account is expected to land: those requested by default for its role.
-- Grain: one row per dataset and account with landed files.
-- Nothing to sum.
with

landed_files as (
    select * from staging.stg_landed_files
),

catalogue as (
    select * from staging.stg_catalogue
),

landed_datasets as (
    select distinct
        account,
        dataset
    from landed_files
),

-- The lake does not name an account's role. Possible roles may request all that the account landed.
roles_matched as (
    select
        landed_datasets.account,
        catalogue.role_name,
        count(*) as dataset_count,
        max(count(*)) over (partition by landed_datasets.account) as most_datasets
    from landed_datasets
    inner join catalogue on landed_datasets.dataset = catalogue.dataset
    group by landed_datasets.account, catalogue.role_name
),

roles_possible as (
    select
        account,
        role_name,
        count(*) over (partition by account) as role_count
    from roles_matched
    where dataset_count = most_datasets
),

-- Expected are the datasets that every possible role requests by default, not those that only a
-- setting requests.
final as (
    select
        roles_possible.account,
        catalogue.dataset,
        catalogue.action_name,
        catalogue.partition_kind,
        catalogue.slice_by,
        catalogue.needs_issued_bill,
        catalogue.is_file,
        catalogue.changed_if_dataset,
        catalogue.requested_if_rows_dataset,
        catalogue.requested_if_cost_dataset
    from roles_possible
    inner join catalogue on roles_possible.role_name = catalogue.role_name
    where
        catalogue.is_default_role
        and catalogue.slice_by not in ('policy_code', 'invitation_token')
    group by
        roles_possible.account,
        roles_possible.role_count,
        catalogue.dataset,
        catalogue.action_name,
        catalogue.partition_kind,
        catalogue.slice_by,
        catalogue.needs_issued_bill,
        catalogue.is_file,
        catalogue.changed_if_dataset,
        catalogue.requested_if_rows_dataset,
        catalogue.requested_if_cost_dataset
    having count(*) = roles_possible.role_count
)

select * from final
