-- Lines of every downloaded detailed bill, from customers' own files and from packs, whether or not
-- fct_bill_lines uses them.
-- Grain: one row per line of a file or pack.
-- Files, packs and fct_bill_lines hold the same money: sum within one source_dataset and
-- billing_currency only.
with

lines as (
    select
        *,
        'customer_bill_detail_files' as source_dataset
    from staging.stg_customer_bill_detail_files
    union all by name
    select
        *,
        'customer_bill_detail_packs' as source_dataset
    from staging.stg_customer_bill_detail_packs
)

select lines.*
from lines
left join intermediate.int_customer_months_counted as counted
    using (account, customer_uin, bill_month)
where coalesce(counted.is_counted, true)
