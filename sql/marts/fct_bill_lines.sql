-- Every line of every customer's bill, as last landed.
-- Grain: one row per account, customer, bill month, line_id and occurrence.
-- A customer of several accounts is here once. Costs may be summed within one currency only;
-- prices, quantities and durations never.
with

bill_lines as (
    select * from intermediate.int_bill_lines_sourced
),

-- Nearly every line_id occurs once. Only the others are numbered, since numbering needs a sort.
repeated as (
    select
        account,
        customer_uin,
        bill_month,
        line_id
    from bill_lines
    group by all
    having count(*) > 1
),

numbered as (
    select
        bill_lines.account,
        bill_lines.customer_uin,
        bill_lines.bill_month,
        bill_lines.line_id,
        bill_lines.page_number,
        bill_lines.page_position,
        row_number() over (
            partition by
                bill_lines.account,
                bill_lines.customer_uin,
                bill_lines.bill_month,
                bill_lines.line_id
            order by bill_lines.page_number, bill_lines.page_position
        ) as occurrence
    from bill_lines
    semi join repeated
        on
            bill_lines.account = repeated.account
            and bill_lines.bill_month = repeated.bill_month
            and bill_lines.customer_uin is not distinct from repeated.customer_uin
            and bill_lines.line_id is not distinct from repeated.line_id
)

select
    bill_lines.* exclude (page_number, page_position),
    coalesce(numbered.occurrence, 1) as occurrence,
    coalesce(customer_months.is_complete, false) as is_complete
from bill_lines
left join intermediate.int_customer_months_landed as customer_months
    on
        bill_lines.account = customer_months.account
        and bill_lines.bill_month = customer_months.bill_month
        and bill_lines.customer_uin is not distinct from customer_months.customer_uin
left join numbered
    on
        bill_lines.account = numbered.account
        and bill_lines.bill_month = numbered.bill_month
        and bill_lines.customer_uin is not distinct from numbered.customer_uin
        and bill_lines.line_id is not distinct from numbered.line_id
        and bill_lines.page_number is not distinct from numbered.page_number
        and bill_lines.page_position is not distinct from numbered.page_position
where coalesce(customer_months.is_counted, true)
