-- Lines of every downloaded detailed bill, from customers' own files and from packs, whether or not
-- fct_bill_lines uses them.
-- Grain: one row per line of a file or pack.
-- Files, packs and fct_bill_lines hold the same money: sum within one source_dataset and
-- billing_currency only.
with

file_lines as (
    select * from staging.stg_customer_bill_detail_files
),

pack_lines as (
    select * from staging.stg_customer_bill_detail_packs
),

counted as (
    select * from intermediate.int_customer_months_counted
),

gathered as (
    select
        'customer_bill_detail_files' as source_dataset,
        file_lines.account,
        file_lines.customer_uin,
        file_lines.bill_month,
        file_lines.line_id,
        file_lines.stated_bill_month,
        file_lines.payer_account_id,
        file_lines.owner_account_id,
        file_lines.operator_account_id,
        file_lines.reseller_account_id,
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
        file_lines.resource_type,
        file_lines.tag_keys,
        file_lines.list_unit_price,
        file_lines.pricing_unit,
        file_lines.consumed_quantity,
        file_lines.consumed_unit,
        file_lines.usage_duration,
        file_lines.usage_duration_unit,
        file_lines.ri_deduction_duration,
        file_lines.ri_deduction_cost,
        file_lines.customer_discount_rate,
        file_lines.list_cost,
        file_lines.contracted_cost,
        file_lines.voucher_amount,
        file_lines.billed_cost,
        file_lines.billing_currency,
        file_lines.payment_status,
        file_lines.other_columns,
        file_lines.slice_params,
        file_lines.file_digest,
        file_lines.file_member,
        file_lines.page_number,
        file_lines.page_position,
        file_lines.request_id,
        file_lines.fetched_at
    from file_lines
    left join counted
        on
            file_lines.account = counted.account
            and file_lines.customer_uin = counted.customer_uin
            and file_lines.bill_month = counted.bill_month
    where coalesce(counted.is_counted, true)
    union all
    select
        'customer_bill_detail_packs' as source_dataset,
        pack_lines.account,
        pack_lines.customer_uin,
        pack_lines.bill_month,
        pack_lines.line_id,
        pack_lines.stated_bill_month,
        pack_lines.payer_account_id,
        pack_lines.owner_account_id,
        pack_lines.operator_account_id,
        pack_lines.reseller_account_id,
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
        pack_lines.resource_type,
        pack_lines.tag_keys,
        pack_lines.list_unit_price,
        pack_lines.pricing_unit,
        pack_lines.consumed_quantity,
        pack_lines.consumed_unit,
        pack_lines.usage_duration,
        pack_lines.usage_duration_unit,
        pack_lines.ri_deduction_duration,
        pack_lines.ri_deduction_cost,
        pack_lines.customer_discount_rate,
        pack_lines.list_cost,
        pack_lines.contracted_cost,
        pack_lines.voucher_amount,
        pack_lines.billed_cost,
        pack_lines.billing_currency,
        pack_lines.payment_status,
        pack_lines.other_columns,
        pack_lines.slice_params,
        pack_lines.file_digest,
        pack_lines.file_member,
        pack_lines.page_number,
        pack_lines.page_position,
        pack_lines.request_id,
        pack_lines.fetched_at
    from pack_lines
    left join counted
        on
            pack_lines.account = counted.account
            and pack_lines.customer_uin = counted.customer_uin
            and pack_lines.bill_month = counted.bill_month
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
        line_id,
        stated_bill_month,
        payer_account_id,
        owner_account_id,
        operator_account_id,
        reseller_account_id,
        product_code,
        product_name,
        subproduct_code,
        subproduct_name,
        component_type_code,
        component_type_name,
        component_code,
        component_name,
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
        tag_keys,
        list_unit_price,
        pricing_unit,
        consumed_quantity,
        consumed_unit,
        usage_duration,
        usage_duration_unit,
        ri_deduction_duration,
        ri_deduction_cost,
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
