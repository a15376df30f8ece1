-- Every landed row of the route that is taken is one bill line, and no line is anything else: for
-- each customer that is counted their number and their exact cost are those that landed.
-- Grain: one row per account, customer and bill month where they differ.
with

routed as (
    select * from intermediate.int_customer_months_routed
    where route is not null
),

uncounted as (
    select * from intermediate.int_customer_months_counted
    where not is_counted
),

bill_lines as (
    select * from main.fct_bill_lines
),

compared as (
    select
        routed.account,
        routed.customer_uin,
        routed.bill_month,
        routed.landed_rows,
        routed.billed_cost as landed_cost,
        0 as line_count,
        null as line_cost
    from routed
    anti join uncounted
        on
            routed.account = uncounted.account
            and routed.customer_uin = uncounted.customer_uin
            and routed.bill_month = uncounted.bill_month
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
    from compared
    group by account, customer_uin, bill_month
    having
        sum(landed_rows) <> sum(line_count)
        or sum(landed_cost) <> coalesce(sum(line_cost), 0)
)

select * from final
