-- Lines of every downloaded detailed bill, from customers' own files and from packs, whether or not
-- fct_bill_lines uses them.
-- Grain: one row per line of a file or pack.
-- Files, packs and fct_bill_lines hold the same money: sum within one source_dataset and
-- billing_currency only.
select lines.*
from staging.stg_customer_bill_detail_files as lines
left join intermediate.int_customer_months_counted as counted
    using (account, customer_uin, bill_month)
where coalesce(counted.is_counted, true)
