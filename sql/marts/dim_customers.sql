-- Customers of each account: those on its lists, now or before, and those seen in bills only.
-- Grain: one row per account and customer.
-- Count distinct customers here and nowhere else: two accounts may have the same customer. Names
-- are personal data.
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

reconciliation as (
    select * from main.rpt_reconciliation
    where customer_uin is not null
),

monthly_costs as (
    select * from main.fct_monthly_costs
    where customer_uin is not null
),

landed_files as (
    select * from staging.stg_landed_files
    where dataset in ('customers', 'indirect_customers')
),

latest_lists as (
    select
        account,
        max(snapshot_date) filter (where dataset = 'customers') as direct_date,
        max(snapshot_date) filter (where dataset = 'indirect_customers') as indirect_date
    from landed_files
    group by account
),

seen as (
    select
        account,
        customer_uin,
        snapshot_date as direct_date,
        null as indirect_date,
        null as asked_month,
        null as billed_month
    from direct_customers
    union all
    select
        account,
        customer_uin,
        null as direct_date,
        snapshot_date as indirect_date,
        null as asked_month,
        null as billed_month
    from indirect_customers
    union all
    select
        account,
        customer_uin,
        null as direct_date,
        null as indirect_date,
        bill_month as asked_month,
        null as billed_month
    from reconciliation
    union all
    select
        account,
        customer_uin,
        null as direct_date,
        null as indirect_date,
        null as asked_month,
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
        max(asked_month) as last_asked_month
    from seen
    group by account, customer_uin
),

-- The latest that is known of each; of two entries on a day the first that has a name.
resellers as (
    select
        account,
        customer_uin,
        max(snapshot_date) as snapshot_date,
        arg_max(sub_agent_uin, (snapshot_date, sub_agent_uin)) as sub_agent_uin,
        arg_max(sub_agent_name, (snapshot_date, sub_agent_uin)) as sub_agent_name,
        arg_max(customer_name, (snapshot_date, customer_name)) as customer_name
    from indirect_customers
    group by account, customer_uin
),

named as (
    select
        account,
        customer_uin,
        arg_max(customer_name, (snapshot_date, customer_name)) as customer_name
    from customer_infos
    group by account, customer_uin
),

final as (
    select
        grouped.account,
        grouped.customer_uin,
        grouped.first_listed_date,
        grouped.last_listed_date,
        coalesce(grouped.direct_date = latest_lists.direct_date, false)
        or coalesce(grouped.indirect_date = latest_lists.indirect_date, false) as is_listed,
        grouped.first_billed_month,
        grouped.last_billed_month,
        grouped.last_asked_month,
        coalesce(named.customer_name, resellers.customer_name) as customer_name,
        -- One that became direct is no longer reached through the reseller of an earlier day.
        case
            when grouped.direct_date is null or grouped.indirect_date > grouped.direct_date
                then resellers.sub_agent_uin
        end as sub_agent_uin,
        case
            when grouped.direct_date is null or grouped.indirect_date > grouped.direct_date
                then resellers.sub_agent_name
        end as sub_agent_name
    from grouped
    left join latest_lists on grouped.account = latest_lists.account
    left join resellers
        on
            grouped.account = resellers.account
            and grouped.customer_uin = resellers.customer_uin
    left join named
        on
            grouped.account = named.account
            and grouped.customer_uin = named.customer_uin
)

select * from final
