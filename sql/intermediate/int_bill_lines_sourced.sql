-- Bill lines of every customer and month, each from the one line source chosen for it.
-- Grain: one row per bill line; nothing is deduplicated, so a line_id may occur more than once.
-- Two accounts may have lines of the same customer and month: only one account's lines count.
with

page_lines as (
    select * from staging.stg_customer_bill_detail
),

file_lines as (
    select * from staging.stg_customer_bill_detail_files
),

pack_lines as (
    select * from staging.stg_customer_bill_detail_packs
),

files_chosen as (
    select * from intermediate.int_customer_months_sourced
    where line_source = 'files'
),

-- Usually no month comes from files; the anti join with an empty table then costs nothing.
final as (
    select
        'pages' as line_source,
        page_lines.account,
        page_lines.customer_uin,
        page_lines.bill_month,
        page_lines.line_id,
        page_lines.payer_account_id,
        page_lines.owner_account_id,
        page_lines.operator_account_id,
        page_lines.product_code,
        page_lines.product_name,
        page_lines.subproduct_code,
        page_lines.subproduct_name,
        page_lines.component_type_code,
        page_lines.component_type_name,
        page_lines.component_code,
        page_lines.component_name,
        page_lines.pay_mode_name,
        page_lines.transaction_type,
        page_lines.transaction_id,
        page_lines.transaction_at,
        page_lines.usage_start_at,
        page_lines.usage_end_at,
        page_lines.project_name,
        page_lines.region_name,
        page_lines.availability_zone,
        page_lines.resource_id,
        page_lines.resource_name,
        page_lines.list_unit_price,
        page_lines.pricing_unit,
        page_lines.consumed_quantity,
        page_lines.consumed_unit,
        page_lines.usage_duration,
        page_lines.usage_duration_unit,
        page_lines.customer_discount_rate,
        page_lines.list_cost,
        page_lines.contracted_cost,
        page_lines.voucher_amount,
        page_lines.billed_cost,
        page_lines.billing_currency,
        page_lines.page_number,
        page_lines.page_position,
        page_lines.request_id,
        page_lines.fetched_at
    from page_lines
    anti join files_chosen
        on
            page_lines.account = files_chosen.account
            and page_lines.customer_uin = files_chosen.customer_uin
            and page_lines.bill_month = files_chosen.bill_month
    union all
    select
        'files' as line_source,
        file_lines.account,
        file_lines.customer_uin,
        file_lines.bill_month,
        file_lines.line_id,
        file_lines.payer_account_id,
        file_lines.owner_account_id,
        file_lines.operator_account_id,
        file_lines.product_code,
        file_lines.product_name,
        file_lines.subproduct_code,
        file_lines.subproduct_name,
        file_lines.component_type_code,
        file_lines.component_type_name,
        file_lines.component_code,
        file_lines.component_name,
        file_lines.pay_mode_name,
        file_lines.transaction_type,
        file_lines.transaction_id,
        file_lines.transaction_at,
        file_lines.usage_start_at,
        file_lines.usage_end_at,
        file_lines.project_name,
        file_lines.region_name,
        file_lines.availability_zone,
        file_lines.resource_id,
        file_lines.resource_name,
        file_lines.list_unit_price,
        file_lines.pricing_unit,
        file_lines.consumed_quantity,
        file_lines.consumed_unit,
        file_lines.usage_duration,
        file_lines.usage_duration_unit,
        file_lines.customer_discount_rate,
        file_lines.list_cost,
        file_lines.contracted_cost,
        file_lines.voucher_amount,
        file_lines.billed_cost,
        file_lines.billing_currency,
        file_lines.page_number,
        file_lines.page_position,
        file_lines.request_id,
        file_lines.fetched_at
    from file_lines
    inner join files_chosen
        on
            file_lines.account = files_chosen.account
            and file_lines.customer_uin = files_chosen.customer_uin
            and file_lines.bill_month = files_chosen.bill_month
            and file_lines.slice_params is not distinct from files_chosen.slice_params
            and files_chosen.dataset = 'customer_bill_detail_files'
    union all
    select
        'files' as line_source,
        pack_lines.account,
        pack_lines.customer_uin,
        pack_lines.bill_month,
        pack_lines.line_id,
        pack_lines.payer_account_id,
        pack_lines.owner_account_id,
        pack_lines.operator_account_id,
        pack_lines.product_code,
        pack_lines.product_name,
        pack_lines.subproduct_code,
        pack_lines.subproduct_name,
        pack_lines.component_type_code,
        pack_lines.component_type_name,
        pack_lines.component_code,
        pack_lines.component_name,
        pack_lines.pay_mode_name,
        pack_lines.transaction_type,
        pack_lines.transaction_id,
        pack_lines.transaction_at,
        pack_lines.usage_start_at,
        pack_lines.usage_end_at,
        pack_lines.project_name,
        pack_lines.region_name,
        pack_lines.availability_zone,
        pack_lines.resource_id,
        pack_lines.resource_name,
        pack_lines.list_unit_price,
        pack_lines.pricing_unit,
        pack_lines.consumed_quantity,
        pack_lines.consumed_unit,
        pack_lines.usage_duration,
        pack_lines.usage_duration_unit,
        pack_lines.customer_discount_rate,
        pack_lines.list_cost,
        pack_lines.contracted_cost,
        pack_lines.voucher_amount,
        pack_lines.billed_cost,
        pack_lines.billing_currency,
        pack_lines.page_number,
        pack_lines.page_position,
        pack_lines.request_id,
        pack_lines.fetched_at
    from pack_lines
    inner join files_chosen
        on
            pack_lines.account = files_chosen.account
            and pack_lines.customer_uin = files_chosen.customer_uin
            and pack_lines.bill_month = files_chosen.bill_month
            and pack_lines.slice_params is not distinct from files_chosen.slice_params
            and files_chosen.dataset = 'customer_bill_detail_packs'
)

select * from final
