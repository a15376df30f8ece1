-- Customers of each account: those that its lists have or had, direct ones and those of
-- second-level resellers, and those that appear in bills only.
-- Grain: one row per account and customer.
-- Count distinct customers here and nowhere else: two accounts may have the same customer. Names
-- are personal data, and so are the masks of e-mail addresses and phone numbers.
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

account_verifications as (
    select * from staging.stg_account_verification
),

periods as (
    select * from main.dim_customer_periods
),

counted as (
    select * from intermediate.int_customer_months_counted
),

reconciliation as (
    select * from main.rpt_reconciliation
    where customer_uin is not null
),

monthly_costs as (
    select * from main.fct_monthly_costs
    where customer_uin is not null
),

landed_lists as (
    select * from staging.stg_landed_files
    where dataset in ('customers', 'indirect_customers') and state = 'whole'
),

-- A list that is not whole may leave out customers, so the last whole one counts.
whole_lists as (
    select
        account,
        max(snapshot_date) filter (where dataset = 'customers') as direct_date,
        max(snapshot_date) filter (where dataset = 'indirect_customers') as indirect_date
    from landed_lists
    group by account
),

seen as (
    select
        account,
        customer_uin,
        snapshot_date as direct_date,
        null as indirect_date,
        null as requested_month,
        null as billed_month
    from direct_customers
    union all
    select
        account,
        customer_uin,
        null as direct_date,
        snapshot_date as indirect_date,
        null as requested_month,
        null as billed_month
    from indirect_customers
    union all
    select
        account,
        customer_uin,
        null as direct_date,
        null as indirect_date,
        bill_month as requested_month,
        null as billed_month
    from reconciliation
    union all
    select
        account,
        customer_uin,
        null as direct_date,
        null as indirect_date,
        null as requested_month,
        bill_month as billed_month
    from monthly_costs
),

grouped as (
    select
        account,
        customer_uin,
        least(min(direct_date), min(indirect_date)) as first_listed_date,
        greatest(max(direct_date), max(indirect_date)) as last_listed_date,
        max(direct_date) as direct_date,
        max(indirect_date) as indirect_date,
        min(billed_month) as first_billed_month,
        max(billed_month) as last_billed_month,
        max(requested_month) as last_requested_month
    from seen
    group by account, customer_uin
),

-- Name and binding time of each second-level reseller of a customer.
resellers_named as (
    select
        account,
        customer_uin,
        sub_agent_uin,
        max(snapshot_date) as snapshot_date,
        arg_max(sub_agent_name, (snapshot_date, sub_agent_name)) as sub_agent_name,
        arg_max(bound_at, (snapshot_date, bound_at)) as bound_at
    from indirect_customers
    where sub_agent_uin is not null
    group by account, customer_uin, sub_agent_uin
),

resellers as (
    select
        account,
        customer_uin,
        sub_agent_uin,
        sub_agent_name,
        bound_at
    from resellers_named
    qualify
        row_number() over (
            partition by account, customer_uin order by snapshot_date desc, sub_agent_uin desc
        ) = 1
),

-- The latest known name; of several entries on a day one that has a name.
names_aggregated as (
    select
        account,
        customer_uin,
        arg_max(customer_name, (snapshot_date, customer_name)) as customer_name
    from indirect_customers
    group by account, customer_uin
),

-- A code that no document explains is kept as it is.
infos_aggregated as (
    select
        account,
        customer_uin,
        arg_max(customer_name, (snapshot_date, customer_name)) as customer_name,
        arg_max(email, (snapshot_date, email)) as email,
        arg_max(phone_number, (snapshot_date, phone_number)) as phone_number,
        arg_max(bound_at, (snapshot_date, bound_at)) as bound_at,
        arg_max(
            coalesce(account_status_name, account_status_code),
            (snapshot_date, account_status_code)
        ) as account_status_name,
        arg_max(
            coalesce(verification_status_name, verification_status_code),
            (snapshot_date, verification_status_code)
        ) as verification_status_name,
        arg_max(
            coalesce(identity_type_name, identity_type_code),
            (snapshot_date, identity_type_code)
        ) as identity_type_name
    from customer_infos
    group by account, customer_uin
),

credits_aggregated as (
    select
        account,
        customer_uin,
        arg_max(customer_name, (snapshot_date, customer_name)) as customer_name,
        arg_max(email, (snapshot_date, email)) as email,
        arg_max(phone_number, (snapshot_date, phone_number)) as phone_number,
        arg_max(bound_at, (snapshot_date, bound_at)) as bound_at
    from customer_credits
    group by account, customer_uin
),

verified as (
    select
        account,
        customer_uin,
        arg_max(is_verified, (snapshot_date, is_verified)) as is_verified
    from account_verifications
    group by account, customer_uin
),

last_periods as (
    select
        account,
        customer_uin,
        max(valid_from_date) as valid_from_date,
        case when not bool_or(is_current) then max(valid_to_date) end as valid_to_date
    from periods
    group by account, customer_uin
),

-- How the customer's last bill was requested. This decides for customers on no list.
requested as (
    select
        account,
        customer_uin,
        arg_max(is_direct, bill_month) as was_direct
    from counted
    group by account, customer_uin
),

listed as (
    select
        grouped.account,
        grouped.customer_uin,
        grouped.direct_date,
        grouped.indirect_date,
        coalesce(
            grouped.direct_date >= coalesce(whole_lists.direct_date, grouped.direct_date), false
        ) as is_listed_directly,
        coalesce(
            grouped.indirect_date >= coalesce(whole_lists.indirect_date, grouped.indirect_date),
            false
        ) as is_listed_indirectly
    from grouped
    left join whole_lists on grouped.account = whole_lists.account
),

classified as (
    select
        listed.account,
        listed.customer_uin,
        listed.is_listed_directly or listed.is_listed_indirectly as is_listed,
        case
            when listed.direct_date is null and listed.indirect_date is null
                then requested.was_direct
            when listed.is_listed_directly <> listed.is_listed_indirectly
                then listed.is_listed_directly
            else
                listed.indirect_date is null
                or coalesce(listed.direct_date >= listed.indirect_date, false)
        end as is_direct
    from listed
    left join requested
        on
            listed.account = requested.account
            and listed.customer_uin = requested.customer_uin
),

-- A customer that became direct has no second-level reseller, even if an earlier list names one.
final as (
    select
        grouped.account,
        grouped.customer_uin,
        grouped.first_listed_date,
        grouped.last_listed_date,
        classified.is_listed,
        grouped.first_billed_month,
        grouped.last_billed_month,
        grouped.last_requested_month,
        coalesce(
            infos_aggregated.customer_name,
            credits_aggregated.customer_name,
            names_aggregated.customer_name
        ) as customer_name,
        case when not classified.is_direct then resellers.sub_agent_uin end as sub_agent_uin,
        case when not classified.is_direct then resellers.sub_agent_name end as sub_agent_name,
        classified.is_direct,
        infos_aggregated.account_status_name,
        infos_aggregated.verification_status_name,
        verified.is_verified,
        infos_aggregated.identity_type_name,
        coalesce(infos_aggregated.email, credits_aggregated.email) as email,
        coalesce(infos_aggregated.phone_number, credits_aggregated.phone_number) as phone_number,
        coalesce(
            case when not classified.is_direct then resellers.bound_at end,
            infos_aggregated.bound_at,
            credits_aggregated.bound_at
        ) as bound_at,
        last_periods.valid_from_date,
        last_periods.valid_to_date
    from grouped
    left join classified
        on
            grouped.account = classified.account
            and grouped.customer_uin = classified.customer_uin
    left join resellers
        on
            grouped.account = resellers.account
            and grouped.customer_uin = resellers.customer_uin
    left join names_aggregated
        on
            grouped.account = names_aggregated.account
            and grouped.customer_uin = names_aggregated.customer_uin
    left join infos_aggregated
        on
            grouped.account = infos_aggregated.account
            and grouped.customer_uin = infos_aggregated.customer_uin
    left join credits_aggregated
        on
            grouped.account = credits_aggregated.account
            and grouped.customer_uin = credits_aggregated.customer_uin
    left join verified
        on
            grouped.account = verified.account
            and grouped.customer_uin = verified.customer_uin
    left join last_periods
        on
            grouped.account = last_periods.account
            and grouped.customer_uin = last_periods.customer_uin
)

select * from final
