-- History of each listed customer in periods without a known change, from daily lists and
-- snapshots.
-- Grain: one row per account, customer and first day of a period.
-- To find the period of a day, join with `between valid_from_date and coalesce(valid_to_date, date
-- '9999-12-31')`. Names are personal data.
with

-- Values that a day does not have are taken from the last day that has them.
filled as (
    select
        account,
        customer_uin,
        snapshot_date,
        coalesce(last_value(is_direct ignore nulls) over by_day, false) as on_direct_list,
        coalesce(last_value(is_indirect ignore nulls) over by_day, false) as on_indirect_list,
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
    from intermediate.int_customer_days
    window by_day as (partition by account, customer_uin order by snapshot_date)
),

-- A customer on both lists is direct, unless only the other list has been fetched since. A
-- reseller's name is carried forward for that reseller only.
classified as (
    select
        * replace (
            last_value(sub_agent_name ignore nulls) over (
                partition by account, customer_uin, sub_agent_uin order by snapshot_date
            ) as sub_agent_name
        ),
        on_direct_list or on_indirect_list as is_listed,
        on_direct_list and (not on_indirect_list or direct_date >= indirect_date) as is_direct
    from filled
),

compared as (
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
    window days_in_order as (partition by account, customer_uin order by snapshot_date)
    qualify
        row_number() over days_in_order = 1
        or known is distinct from lag(known) over days_in_order
),

-- A period lasts until the day before the next one begins, also if the customer is unlisted then.
ended as (
    select
        *,
        cast(
            lead(snapshot_date) over (partition by account, customer_uin order by snapshot_date)
            - interval 1 day as date
        ) as valid_to_date
    from compared
)

select
    account,
    customer_uin,
    snapshot_date as valid_from_date,
    valid_to_date,
    valid_to_date is null as is_current,
    unnest(known)  -- noqa: AL03
from ended
where is_listed
