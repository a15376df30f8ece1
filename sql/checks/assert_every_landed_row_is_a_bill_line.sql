-- Every landed row of the chosen line source is one bill line, and there are no other lines: each
-- counted customer has as many lines as landed, with the same exact cost.
-- Grain: one row per account, customer and bill month where they differ.
with

-- Landing sums plain numbers only: with any other text, rows are compared, and costs are not.
not_plain as (
    select distinct
        account,
        customer_uin,
        bill_month,
        dataset
    from staging.stg_unread_values
    where column_name = 'billed_cost'
),

uncounted as (
    select * from intermediate.int_customer_months_counted
    where not is_counted
),

compared as (
    select
        account,
        customer_uin,
        bill_month,
        sourced.landed_rows,
        case when not_plain.account is null then sourced.billed_cost end as landed_cost,
        0 as line_count,
        null as line_cost
    from intermediate.int_customer_months_sourced as sourced
    left join not_plain using (account, customer_uin, bill_month, dataset)
    anti join uncounted using (account, customer_uin, bill_month)
    where sourced.line_source is not null
    union all
    select
        account,
        customer_uin,
        bill_month,
        0 as landed_rows,
        null as landed_cost,
        count(*) as line_count,
        sum(billed_cost) as line_cost
    from main.fct_bill_lines
    group by account, customer_uin, bill_month
)

select
    account,
    customer_uin,
    bill_month,
    sum(landed_rows) as landed_rows,
    sum(line_count) as line_count,
    sum(landed_cost) as landed_cost,
    coalesce(sum(line_cost), 0) as line_cost
from compared
group by account, customer_uin, bill_month
having
    sum(landed_rows) <> sum(line_count)
    or sum(landed_cost) <> coalesce(sum(line_cost), 0)
