-- Rows of every downloaded bill by resource, from customers' own files and from packs.
-- Grain: one row per row of a file or pack.
-- Files, packs and fct_bill_lines hold the same money: sum within one source_dataset and
-- billing_currency only. Costs have 2 decimals here, so expect them to differ from fct_bill_lines.
select resources.*
from staging.stg_customer_bill_resource_files as resources
left join intermediate.int_customer_months_counted as counted
    using (account, customer_uin, bill_month)
where coalesce(counted.is_counted, true)
