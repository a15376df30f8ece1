-- Every landed row of an end customer's own bill is one bill line, and there are no other lines.
-- Grain: one row per account and bill month where they differ.
with

own_months as (
    select * from intermediate.int_own_months_landed
),

landed_slices as (
    select * from staging.stg_landed_slices
    where dataset = 'own_bill_detail'
),

own_lines as (
    select * from main.fct_own_bill_lines
),

-- For pages, landing recorded the exact cost. For a file, whose numbers may group thousands with
-- commas, it only counted the rows.
compared as (
    select
        own_months.account,
        own_months.bill_month,
        own_months.landed_rows,
        landed_slices.billed_cost as landed_cost,
        0 as line_count,
        null as line_cost
    from own_months
    left join landed_slices
        on
            own_months.account = landed_slices.account
            and own_months.bill_month = landed_slices.bill_month
            and own_months.line_source = 'pages'
    union all
    select
        account,
        bill_month,
        0 as landed_rows,
        null as landed_cost,
        count(*) as line_count,
        sum(billed_cost) as line_cost
    from own_lines
    group by account, bill_month
),

final as (
    select
        account,
        bill_month,
        sum(landed_rows) as landed_rows,
        sum(line_count) as line_count,
        sum(landed_cost) as landed_cost,
        coalesce(sum(line_cost), 0) as line_cost
    from compared
    group by account, bill_month
    having
        sum(landed_rows) <> sum(line_count)
        or sum(landed_cost) <> coalesce(sum(line_cost), 0)
)

select * from final
