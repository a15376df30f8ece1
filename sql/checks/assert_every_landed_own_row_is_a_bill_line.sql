-- Every landed row of an end customer's own bill is one bill line, and there are no other lines.
-- Grain: one row per account and bill month where they differ.
with

-- Landing sums plain numbers only: with any other text, rows are compared, and costs are not.
not_plain as (
    select distinct
        account,
        bill_month
    from staging.stg_unread_values
    where column_name = 'billed_cost' and dataset = 'own_bill_detail'
),

landed_pages as (
    select
        *,
        'pages' as line_source
    from staging.stg_landed_slices
    where dataset = 'own_bill_detail'
),

-- For pages, landing recorded the exact cost. For a file it only counted the rows.
compared as (
    select
        account,
        bill_month,
        own_months.landed_rows,
        case when not_plain.account is null then landed_pages.billed_cost end as landed_cost,
        0 as line_count,
        null as line_cost
    from intermediate.int_own_months_landed as own_months
    left join not_plain using (account, bill_month)
    left join landed_pages using (account, bill_month, line_source)
    union all
    select
        account,
        bill_month,
        0 as landed_rows,
        null as landed_cost,
        count(*) as line_count,
        sum(billed_cost) as line_cost
    from main.fct_own_bill_lines
    group by account, bill_month
)

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
