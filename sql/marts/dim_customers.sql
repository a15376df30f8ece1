-- Customers of each account: those that its lists have or had, direct ones and those of
-- second-level resellers, and those that appear in bills only.
-- Grain: one row per account and customer.
-- Count distinct customers here and nowhere else: two accounts may have the same customer. Names
-- are personal data, and so are the masks of e-mail addresses and phone numbers.
with

-- A list that is not whole may leave out customers, so the last whole one counts.
whole_lists as (
    select
        account,
        max(snapshot_date) filter (where dataset = 'customers') as whole_direct_date,
        max(snapshot_date) filter (where dataset = 'indirect_customers') as whole_indirect_date
    from staging.stg_landed_files
    where state = 'whole'
    group by all
),

-- The second-level reseller that was named last.
resellers as (
    select
        account,
        customer_uin,
        sub_agent_uin,
        latest(sub_agent_name, snapshot_date) as sub_agent_name,
        latest(bound_at, snapshot_date) as reseller_bound_at
    from staging.stg_indirect_customers
    where sub_agent_uin is not null
    group by account, customer_uin, sub_agent_uin
    qualify
        row_number() over (
            partition by account, customer_uin
            order by max(snapshot_date) desc, sub_agent_uin desc
        ) = 1
),

gathered as (
    select
        account,
        customer_uin,
        true as is_seen,
        snapshot_date as direct_date
    from staging.stg_customers
    union all by name
    select
        account,
        customer_uin,
        true as is_seen,
        snapshot_date as indirect_date,
        snapshot_date,
        customer_name as list_name
    from staging.stg_indirect_customers
    union all by name
    select
        account,
        customer_uin,
        true as is_seen,
        bill_month as requested_month
    from main.rpt_reconciliation
    union all by name
    select
        account,
        customer_uin,
        true as is_seen,
        bill_month as billed_month
    from main.fct_monthly_costs
    union all by name
    select * from resellers
    union all by name
    select
        account,
        customer_uin,
        snapshot_date,
        customer_name as info_name,
        email as info_email,
        phone_number as info_phone_number,
        bound_at as info_bound_at,
        account_status_name,
        account_status_code,
        verification_status_name,
        verification_status_code,
        identity_type_name,
        identity_type_code
    from staging.stg_customer_info
    union all by name
    select
        account,
        customer_uin,
        snapshot_date,
        customer_name as credit_name,
        email as credit_email,
        phone_number as credit_phone_number,
        bound_at as credit_bound_at
    from staging.stg_customers_credit
    union all by name
    select
        account,
        customer_uin,
        snapshot_date,
        is_verified
    from staging.stg_account_verification
    union all by name
    select
        account,
        customer_uin,
        bill_month as counted_month,
        is_direct as was_direct
    from intermediate.int_customer_months_counted
    union all by name
    select
        account,
        customer_uin,
        valid_from_date,
        valid_to_date,
        is_current
    from main.dim_customer_periods
),

-- The latest known name, and so on. A code that no document explains is kept as it is.
grouped as (
    select
        account,
        customer_uin,
        max(direct_date) as direct_date,
        max(indirect_date) as indirect_date,
        least(min(direct_date), min(indirect_date)) as first_listed_date,
        greatest(max(direct_date), max(indirect_date)) as last_listed_date,
        min(billed_month) as first_billed_month,
        max(billed_month) as last_billed_month,
        max(requested_month) as last_requested_month,
        coalesce(
            latest(info_name, snapshot_date),
            latest(credit_name, snapshot_date),
            latest(list_name, snapshot_date)
        ) as customer_name,
        max(sub_agent_uin) as sub_agent_uin,
        max(sub_agent_name) as sub_agent_name,
        max(reseller_bound_at) as reseller_bound_at,
        arg_max(
            coalesce(account_status_name, account_status_code),
            (snapshot_date, account_status_code)
        ) as account_status_name,
        arg_max(
            coalesce(verification_status_name, verification_status_code),
            (snapshot_date, verification_status_code)
        ) as verification_status_name,
        latest(is_verified, snapshot_date) as is_verified,
        arg_max(
            coalesce(identity_type_name, identity_type_code),
            (snapshot_date, identity_type_code)
        ) as identity_type_name,
        coalesce(latest(info_email, snapshot_date), latest(credit_email, snapshot_date)) as email,
        coalesce(
            latest(info_phone_number, snapshot_date), latest(credit_phone_number, snapshot_date)
        ) as phone_number,
        coalesce(
            latest(info_bound_at, snapshot_date), latest(credit_bound_at, snapshot_date)
        ) as other_bound_at,
        arg_max(was_direct, counted_month) as was_direct,
        max(valid_from_date) as valid_from_date,
        case when not bool_or(is_current) then max(valid_to_date) end as valid_to_date
    from gathered
    where customer_uin is not null
    group by all
    having bool_or(is_seen)
),

listed as (
    select
        grouped.*,
        coalesce(direct_date >= coalesce(whole_direct_date, direct_date), false) as on_direct_list,
        coalesce(indirect_date >= coalesce(whole_indirect_date, indirect_date), false)
            as on_indirect_list,
        -- How the last bill was requested decides for customers on no list.
        case
            when direct_date is null and indirect_date is null then was_direct
            when on_direct_list <> on_indirect_list then on_direct_list
            else indirect_date is null or coalesce(direct_date >= indirect_date, false)
        end as is_direct
    from grouped
    left join whole_lists using (account)
)

-- A customer that became direct has no second-level reseller, even if an earlier list names one.
select
    * exclude (
        direct_date,
        indirect_date,
        reseller_bound_at,
        other_bound_at,
        was_direct,
        on_direct_list,
        on_indirect_list
    )
    replace (
        case when not is_direct then sub_agent_uin end as sub_agent_uin,
        case when not is_direct then sub_agent_name end as sub_agent_name
    ),
    on_direct_list or on_indirect_list as is_listed,
    coalesce(case when not is_direct then reseller_bound_at end, other_bound_at) as bound_at
from listed
