-- Rows of every downloaded bill by resource, from customers' own files and from packs.
-- Grain: one row per row of a file or pack.
-- Files, packs and fct_bill_lines hold the same money: sum within one source_dataset and
-- billing_currency only. Costs have 2 decimals here, so expect them to differ from fct_bill_lines.
with

file_rows as (
    select * from staging.stg_customer_bill_resource_files
),

pack_rows as (
    select * from staging.stg_customer_bill_resource_packs
),

counted as (
    select * from intermediate.int_customer_months_counted
),

gathered as (
    select
        'customer_bill_resource_files' as source_dataset,
        file_rows.account,
        file_rows.customer_uin,
        file_rows.bill_month,
        file_rows.stated_bill_month,
        file_rows.payer_account_id,
        file_rows.owner_account_id,
        file_rows.operator_account_id,
        file_rows.product_name,
        file_rows.subproduct_name,
        file_rows.pay_mode_name,
        file_rows.transaction_type,
        file_rows.transaction_id,
        file_rows.transaction_at,
        file_rows.usage_start_at,
        file_rows.usage_end_at,
        file_rows.project_name,
        file_rows.region_name,
        file_rows.availability_zone,
        file_rows.resource_id,
        file_rows.resource_name,
        file_rows.resource_type,
        file_rows.customer_discount_rate,
        file_rows.list_cost,
        file_rows.contracted_cost,
        file_rows.voucher_amount,
        file_rows.billed_cost,
        file_rows.billing_currency,
        file_rows.payment_status,
        file_rows.other_columns,
        file_rows.slice_params,
        file_rows.file_digest,
        file_rows.file_member,
        file_rows.page_number,
        file_rows.page_position,
        file_rows.request_id,
        file_rows.fetched_at
    from file_rows
    left join counted
        on
            file_rows.account = counted.account
            and file_rows.customer_uin = counted.customer_uin
            and file_rows.bill_month = counted.bill_month
    where coalesce(counted.is_counted, true)
    union all
    select
        'customer_bill_resource_packs' as source_dataset,
        pack_rows.account,
        pack_rows.customer_uin,
        pack_rows.bill_month,
        pack_rows.stated_bill_month,
        pack_rows.payer_account_id,
        pack_rows.owner_account_id,
        pack_rows.operator_account_id,
        pack_rows.product_name,
        pack_rows.subproduct_name,
        pack_rows.pay_mode_name,
        pack_rows.transaction_type,
        pack_rows.transaction_id,
        pack_rows.transaction_at,
        pack_rows.usage_start_at,
        pack_rows.usage_end_at,
        pack_rows.project_name,
        pack_rows.region_name,
        pack_rows.availability_zone,
        pack_rows.resource_id,
        pack_rows.resource_name,
        pack_rows.resource_type,
        pack_rows.customer_discount_rate,
        pack_rows.list_cost,
        pack_rows.contracted_cost,
        pack_rows.voucher_amount,
        pack_rows.billed_cost,
        pack_rows.billing_currency,
        pack_rows.payment_status,
        pack_rows.other_columns,
        pack_rows.slice_params,
        pack_rows.file_digest,
        pack_rows.file_member,
        pack_rows.page_number,
        pack_rows.page_position,
        pack_rows.request_id,
        pack_rows.fetched_at
    from pack_rows
    left join counted
        on
            pack_rows.account = counted.account
            and pack_rows.customer_uin = counted.customer_uin
            and pack_rows.bill_month = counted.bill_month
    where coalesce(counted.is_counted, true)
),

final as (
    select
        account,
        customer_uin,
        bill_month,
        source_dataset,
        slice_params,
        page_number,
        page_position,
        stated_bill_month,
        payer_account_id,
        owner_account_id,
        operator_account_id,
        product_name,
        subproduct_name,
        pay_mode_name,
        transaction_type,
        transaction_id,
        transaction_at,
        usage_start_at,
        usage_end_at,
        project_name,
        region_name,
        availability_zone,
        resource_id,
        resource_name,
        resource_type,
        customer_discount_rate,
        list_cost,
        contracted_cost,
        voucher_amount,
        billed_cost,
        billing_currency,
        payment_status,
        other_columns,
        file_digest,
        file_member,
        request_id,
        fetched_at
    from gathered
)

select * from final
