-- What lists and snapshots say of each customer, day by day.
-- Grain: one row per account, customer and day on which a list or snapshot tells something of it.
-- Names are personal data.
with

listed as (
    select
        account,
        customer_uin,
        snapshot_date,
        'customers' as listed_in,
        null as sub_agent_uin,
        null as sub_agent_name
    from staging.stg_customers
    where customer_uin is not null
    group by all
    union all by name
    -- Of several resellers the greatest, with its own name.
    select
        account,
        customer_uin,
        snapshot_date,
        'indirect_customers' as listed_in,
        max(sub_agent_uin) as sub_agent_uin,
        nullif(
            (
                max((sub_agent_uin, coalesce(sub_agent_name, '')))
                filter (where sub_agent_uin is not null)
            )[2],
            ''
        ) as sub_agent_name
    from staging.stg_indirect_customers
    where customer_uin is not null
    group by all
),

first_listed as (
    select
        account,
        customer_uin,
        listed_in,
        min(snapshot_date) as first_date
    from listed
    group by all
),

-- Customers that a whole list lacks although an earlier list had them.
missed as (
    select
        first_listed.account,
        first_listed.customer_uin,
        whole_lists.snapshot_date,
        first_listed.listed_in
    from first_listed
    inner join staging.stg_landed_files as whole_lists
        on
            first_listed.account = whole_lists.account
            and first_listed.listed_in = whole_lists.dataset
            and first_listed.first_date < whole_lists.snapshot_date
            and whole_lists.state = 'whole'
    anti join listed
        on
            first_listed.account = listed.account
            and first_listed.customer_uin = listed.customer_uin
            and first_listed.listed_in = listed.listed_in
            and whole_lists.snapshot_date = listed.snapshot_date
),

-- A code that no document explains is kept as it is.
observed as (
    select
        *,
        true as is_listed
    from listed
    union all by name
    select
        *,
        false as is_listed
    from missed
    union all by name
    select
        account,
        customer_uin,
        snapshot_date,
        customer_name as info_name,
        coalesce(account_status_name, account_status_code) as account_status_name,
        coalesce(verification_status_name, verification_status_code) as verification_status_name,
        coalesce(identity_type_name, identity_type_code) as identity_type_name
    from staging.stg_customer_info
    union all by name
    select
        account,
        customer_uin,
        snapshot_date,
        customer_name as other_name
    from staging.stg_customers_credit
    union all by name
    select
        account,
        customer_uin,
        snapshot_date,
        customer_name as other_name
    from staging.stg_indirect_customers
)

select
    account,
    customer_uin,
    snapshot_date,
    bool_or(is_listed) filter (where listed_in = 'customers') as is_direct,
    bool_or(is_listed) filter (where listed_in = 'indirect_customers') as is_indirect,
    max(sub_agent_uin) as sub_agent_uin,
    max(sub_agent_name) as sub_agent_name,
    max(info_name) as info_name,
    max(other_name) as other_name,
    max(account_status_name) as account_status_name,
    max(verification_status_name) as verification_status_name,
    max(identity_type_name) as identity_type_name
from observed
where customer_uin is not null
group by all
