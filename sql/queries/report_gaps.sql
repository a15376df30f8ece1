-- What is not complete or not reconciled. Grain: one row per customer or comparison.
with

of_customers as (
    select
        coalesce(customers.customer_name, 'Customer') as name,
        found.customer_uin as note,
        found.reason
    from main.rpt_reconciliation as found
    left join main.dim_customers as customers
        on found.account = customers.account and found.customer_uin = customers.customer_uin
    where
        not $is_own_bill and found.account = $account and found.bill_month = $month
        and found.is_counted and found.reason is not null
),

of_own as (
    select
        compared_with as name,
        tag_key as note,
        reason
    from main.rpt_own_reconciliation
    where
        $is_own_bill and account = $account and bill_month = $month
        and reason is not null and not (is_complete and is_informative)
),

final as (
    select * from of_customers
    union all by name
    select * from of_own
)

select * from final
order by name, note
