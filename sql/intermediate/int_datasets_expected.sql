-- The datasets that each account is expected to land: those requested by default for its role.
-- Grain: one row per dataset and account with landed files.
-- Nothing to sum.
with

landed_datasets as (
    select distinct
        account,
        dataset
    from staging.stg_landed_files
),

-- The lake does not name an account's role. Possible roles may request all that the account landed.
roles_matched as (
    select
        landed_datasets.account,
        catalogue.role_name,
        count(*) as dataset_count,
        max(count(*)) over (partition by landed_datasets.account) as most_datasets
    from landed_datasets
    inner join staging.stg_catalogue as catalogue using (dataset)
    group by landed_datasets.account, catalogue.role_name
),

roles_possible as (
    select
        account,
        role_name,
        count(*) over (partition by account) as role_count
    from roles_matched
    where dataset_count = most_datasets
)

-- Expected are the datasets that every possible role requests by default, not those that only a
-- setting requests.
select
    roles_possible.account,
    catalogue.* exclude (role_name, is_default_role)
from roles_possible
inner join staging.stg_catalogue as catalogue using (role_name)
where
    catalogue.is_default_role
    and catalogue.slice_by not in ('policy_code', 'invitation_token')
group by all
having count(*) = any_value(roles_possible.role_count)
