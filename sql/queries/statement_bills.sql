-- The bills of a month. Grain: one row per customer with bill lines.
select
    statements.account,
    statements.customer_uin,
    any_value(customers.customer_name) as customer_name,
    list(
        distinct coalesce(statements.billing_currency, '')
        order by coalesce(statements.billing_currency, '')
    )
        as currencies,
    cast(sum(statements.line_count) as bigint) as line_count,
    any_value(statements.month_state) as month_state,
    bool_and(statements.is_complete) as is_complete,
    bool_and(statements.is_reconciled) as is_reconciled,
    min(statements.as_of_at) as as_of_at
from main.rpt_customer_statement as statements
left join main.dim_customers as customers
    on statements.account = customers.account and statements.customer_uin = customers.customer_uin
where statements.bill_month = $month and statements.customer_uin is not null
group by statements.account, statements.customer_uin
order by statements.account, statements.customer_uin
