-- Every text of an amount, currency, time or other typed value could be read without loss.
-- Grain: one row per account, customer, dataset, bill month or snapshot day, column and text.
select
    account,
    customer_uin,
    dataset,
    bill_month,
    column_name,
    source_text,
    problem,
    row_count
from meta.unread_values
order by is_blocking desc, row_count desc
