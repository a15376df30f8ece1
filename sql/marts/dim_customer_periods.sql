-- History of each listed customer in periods without a known change, from daily lists and
-- snapshots.
-- Grain: one row per account, customer and first day of a period.
-- To find the period of a day, join with `between valid_from_date and coalesce(valid_to_date, date
-- '9999-12-31')`. Names are personal data.
with

direct_customers as (
    select * from staging.stg_customers
    where customer_uin is not null
),

indirect_customers as (
    select * from staging.stg_indirect_customers
    where customer_uin is not null
),

customer_infos as (
    select * from staging.stg_customer_info
    where customer_uin is not null
),

customer_credits as (
    select * from staging.stg_customers_credit
    where customer_uin is not null
),

whole_lists as (
    select * from staging.stg_landed_files
    where dataset in ('customers', 'indirect_customers') and state = 'whole'
),

resellers_named as (
    select
        account,
        customer_uin,
        snapshot_date,
        sub_agent_uin,
        max(sub_agent_name) as sub_agent_name
    from indirect_customers
    group by account, customer_uin, snapshot_date, sub_agent_uin
),

listed as (
    select
        account,
        customer_uin,
        snapshot_date,
        'customers' as listed_in,
        null as sub_agent_uin,
        null as sub_agent_name
    from direct_customers
    group by account, customer_uin, snapshot_date
    union all
    select
        account,
        customer_uin,
        snapshot_date,
        'indirect_customers' as listed_in,
        max(sub_agent_uin) as sub_agent_uin,
        arg_max(struct_pack(sub_agent_name := sub_agent_name), sub_agent_uin).sub_agent_name
            as sub_agent_name
    from resellers_named
    group by account, customer_uin, snapshot_date
),

first_listed as (
    select
        account,
        customer_uin,
        listed_in,
        min(snapshot_date) as first_date
    from listed
    group by account, customer_uin, listed_in
),

-- Customers that a whole list lacks although an earlier list had them.
missed as (
    select
        first_listed.account,
        first_listed.customer_uin,
        whole_lists.snapshot_date,
        first_listed.listed_in
    from first_listed
    inner join whole_lists
        on
            first_listed.account = whole_lists.account
            and first_listed.listed_in = whole_lists.dataset
            and first_listed.first_date < whole_lists.snapshot_date
    anti join listed
        on
            first_listed.account = listed.account
            and first_listed.customer_uin = listed.customer_uin
            and first_listed.listed_in = listed.listed_in
            and whole_lists.snapshot_date = listed.snapshot_date
),

named as (
    select
        account,
        customer_uin,
        snapshot_date,
        customer_name
    from customer_credits
    union all
    select
        account,
        customer_uin,
        snapshot_date,
        customer_name
    from indirect_customers
),

-- A code that no document explains is kept as it is.
observed as (
    select
        account,
        customer_uin,
        snapshot_date,
        case when listed_in = 'customers' then true end as is_direct,
        case when listed_in = 'indirect_customers' then true end as is_indirect,
        sub_agent_uin,
        sub_agent_name,
        null as info_name,
        null as other_name,
        null as account_status_name,
        null as verification_status_name,
        null as identity_type_name
    from listed
    union all
    select
        account,
        customer_uin,
        snapshot_date,
        case when listed_in = 'customers' then false end as is_direct,
        case when listed_in = 'indirect_customers' then false end as is_indirect,
        null as sub_agent_uin,
        null as sub_agent_name,
        null as info_name,
        null as other_name,
        null as account_status_name,
        null as verification_status_name,
        null as identity_type_name
    from missed
    union all
    select
        account,
        customer_uin,
        snapshot_date,
        null as is_direct,
        null as is_indirect,
        null as sub_agent_uin,
        null as sub_agent_name,
        customer_name as info_name,
        null as other_name,
        coalesce(account_status_name, account_status_code) as account_status_name,
        coalesce(verification_status_name, verification_status_code) as verification_status_name,
        coalesce(identity_type_name, identity_type_code) as identity_type_name
    from customer_infos
    union all
    select
        account,
        customer_uin,
        snapshot_date,
        null as is_direct,
        null as is_indirect,
        null as sub_agent_uin,
        null as sub_agent_name,
        null as info_name,
        customer_name as other_name,
        null as account_status_name,
        null as verification_status_name,
        null as identity_type_name
    from named
),

days as (
    select
        account,
        customer_uin,
        snapshot_date,
        bool_or(is_direct) as is_direct,
        bool_or(is_indirect) as is_indirect,
        max(sub_agent_uin) as sub_agent_uin,
        max(sub_agent_name) as sub_agent_name,
        max(info_name) as info_name,
        max(other_name) as other_name,
        max(account_status_name) as account_status_name,
        max(verification_status_name) as verification_status_name,
        max(identity_type_name) as identity_type_name
    from observed
    group by account, customer_uin, snapshot_date
),

-- Values that a day does not have are taken from the last day that has them.
filled as (
    select
        account,
        customer_uin,
        snapshot_date,
        coalesce(last_value(is_direct ignore nulls) over by_day, false) as is_direct,
        coalesce(last_value(is_indirect ignore nulls) over by_day, false) as is_indirect,
        max(case when is_direct then snapshot_date end) over by_day as direct_date,
        max(case when is_indirect then snapshot_date end) over by_day as indirect_date,
        last_value(sub_agent_uin ignore nulls) over by_day as sub_agent_uin,
        sub_agent_name,
        coalesce(
            last_value(info_name ignore nulls) over by_day,
            last_value(other_name ignore nulls) over by_day
        ) as customer_name,
        last_value(account_status_name ignore nulls) over by_day as account_status_name,
        last_value(verification_status_name ignore nulls) over by_day as verification_status_name,
        last_value(identity_type_name ignore nulls) over by_day as identity_type_name
    from days
    window by_day as (partition by account, customer_uin order by snapshot_date)
),

-- A customer on both lists is direct, unless only the other list has been fetched since. A
-- reseller's name is carried forward for that reseller only.
classified as (
    select
        account,
        customer_uin,
        snapshot_date,
        is_direct or is_indirect as is_listed,
        is_direct and (not is_indirect or direct_date >= indirect_date) as is_direct,
        sub_agent_uin,
        last_value(sub_agent_name ignore nulls) over (
            partition by account, customer_uin, sub_agent_uin order by snapshot_date
        ) as sub_agent_name,
        customer_name,
        account_status_name,
        verification_status_name,
        identity_type_name
    from filled
),

described as (
    select
        account,
        customer_uin,
        snapshot_date,
        is_listed,
        case
            when is_listed
                then
                    struct_pack(
                        is_direct := is_direct,
                        sub_agent_uin := case when not is_direct then sub_agent_uin end,
                        sub_agent_name := case when not is_direct then sub_agent_name end,
                        customer_name := customer_name,
                        account_status_name := account_status_name,
                        verification_status_name := verification_status_name,
                        identity_type_name := identity_type_name
                    )
        end as known
    from classified
),

compared as (
    select
        account,
        customer_uin,
        snapshot_date,
        is_listed,
        known,
        lag(known) over days_in_order as known_before,
        row_number() over days_in_order as day_number
    from described
    window days_in_order as (partition by account, customer_uin order by snapshot_date)
),

-- A period lasts until the day before the next one begins, also if the customer is unlisted then.
ended as (
    select
        account,
        customer_uin,
        snapshot_date as valid_from_date,
        cast(
            lead(snapshot_date) over (partition by account, customer_uin order by snapshot_date)
            - interval 1 day as date
        ) as valid_to_date,
        is_listed,
        known
    from compared
    where day_number = 1 or known is distinct from known_before
),

final as (
    select
        account,
        customer_uin,
        valid_from_date,
        valid_to_date,
        valid_to_date is null as is_current,
        known.customer_name,
        known.is_direct,
        known.sub_agent_uin,
        known.sub_agent_name,
        known.account_status_name,
        known.verification_status_name,
        known.identity_type_name
    from ended
    where is_listed
)

select * from final
