-- Every landed row of bill detail is one bill line, and no line is anything else: for each customer
-- their number and their exact cost are those that landing proved.
-- Grain: one row per account, customer and bill month where they differ.
with

landed_customers as (
    select * from staging.stg_landed_customers
    where dataset = 'customer_bill_detail'
),

bill_lines as (
    select * from main.fct_bill_lines
),

counted as (
    select
        account,
        customer_uin,
        bill_month,
        landed_rows,
        billed_cost as landed_cost,
        0 as line_count,
        null as line_cost
    from landed_customers
    union all
    select
        account,
        customer_uin,
        bill_month,
        0 as landed_rows,
        null as landed_cost,
        count(*) as line_count,
        sum(billed_cost) as line_cost
    from bill_lines
    group by account, customer_uin, bill_month
),

final as (
    select
        account,
        customer_uin,
        bill_month,
        sum(landed_rows) as landed_rows,
        sum(line_count) as line_count,
        sum(landed_cost) as landed_cost,
        coalesce(sum(line_cost), 0) as line_cost
    from counted
    group by account, customer_uin, bill_month
    having
        sum(landed_rows) <> sum(line_count)
        or sum(landed_cost) <> coalesce(sum(line_cost), 0)
)

select * from final
