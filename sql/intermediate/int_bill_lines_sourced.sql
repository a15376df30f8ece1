-- Bill lines of every customer and month, each from the one line source chosen for it.
-- Grain: one row per bill line; nothing is deduplicated, so a line_id may occur more than once.
-- Two accounts may have lines of the same customer and month: only one account's lines count.
with

files_chosen as (
    select * from intermediate.int_customer_months_sourced
    where line_source = 'files'
)

-- Usually no month comes from files; the anti join with an empty table then costs nothing.
select
    page_lines.*,
    'pages' as line_source
from staging.stg_customer_bill_detail as page_lines
anti join files_chosen using (account, customer_uin, bill_month)
union all by name
select
    file_lines.* exclude (
        source_dataset,
        stated_bill_month,
        reseller_account_id,
        resource_type,
        tag_keys,
        ri_deduction_duration,
        ri_deduction_cost,
        payment_status,
        other_columns,
        slice_params,
        file_digest,
        file_member
    ),
    'files' as line_source
from staging.stg_customer_bill_detail_files as file_lines
semi join files_chosen
    on
        file_lines.account = files_chosen.account
        and file_lines.customer_uin = files_chosen.customer_uin
        and file_lines.bill_month = files_chosen.bill_month
        and file_lines.source_dataset = files_chosen.dataset
        and file_lines.slice_params is not distinct from files_chosen.slice_params
