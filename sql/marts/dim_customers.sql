-- Customers of each account: those on its list, now or before, and those seen in bills only.
-- Grain: one row per account and customer.
-- Count customers here and nowhere else; a bill month holds only those that were asked for.
with

listed_customers as (
    select * from staging.stg_customers
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
    where dataset = 'customers'
),

latest_lists as (
    select
        account,
        max(snapshot_date) as snapshot_date
    from landed_files
    group by account
),

seen as (
    select
        account,
        customer_uin,
        snapshot_date as listed_date,
        null as asked_month,
        null as billed_month
    from listed_customers
    union all
    select
        account,
        customer_uin,
        null as listed_date,
        bill_month as asked_month,
        null as billed_month
    from reconciliation
    union all
    select
        account,
        customer_uin,
        null as listed_date,
        null as asked_month,
        bill_month as billed_month
    from monthly_costs
),

grouped as (
    select
        account,
        customer_uin,
        min(listed_date) as first_listed_date,
        max(listed_date) as last_listed_date,
        min(billed_month) as first_billed_month,
        max(billed_month) as last_billed_month,
        max(asked_month) as last_asked_month
    from seen
    group by account, customer_uin
),

final as (
    select
        grouped.account,
        grouped.customer_uin,
        grouped.first_listed_date,
        grouped.last_listed_date,
        coalesce(grouped.last_listed_date = latest_lists.snapshot_date, false) as is_listed,
        grouped.first_billed_month,
        grouped.last_billed_month,
        grouped.last_asked_month
    from grouped
    left join latest_lists on grouped.account = latest_lists.account
)

select * from final
