-- Every landed row of the chosen line source is one bill line, and there are no other lines: each
-- counted customer has as many lines as landed, with the same exact cost.
-- Grain: one row per account, customer and bill month where they differ.
with

sourced as (
    select * from intermediate.int_customer_months_sourced
    where line_source is not null
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
        sourced.account,
        sourced.customer_uin,
        sourced.bill_month,
        sourced.landed_rows,
        sourced.billed_cost as landed_cost,
        0 as line_count,
        null as line_cost
    from sourced
    anti join uncounted
        on
            sourced.account = uncounted.account
            and sourced.customer_uin = uncounted.customer_uin
            and sourced.bill_month = uncounted.bill_month
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
