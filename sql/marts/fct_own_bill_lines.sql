-- Every line of an end customer's own bill, as last landed.
-- Grain: one row per account, bill month, line_id and occurrence.
-- Costs may be summed within one currency only; prices, quantities and durations never.
with

page_lines as (
    select * from staging.stg_own_bill_detail
),

file_lines as (
    select * from staging.stg_own_bill_detail_files
),

own_months as (
    select * from intermediate.int_own_months_landed
),

sourced as (
    select
        page_lines.account,
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
        page_lines.list_cost,
        page_lines.billed_cost,
        page_lines.billing_currency,
        page_lines.tags,
        page_lines.tag_values,
        null as other_columns,
        page_lines.page_number,
        page_lines.page_position,
        own_months.line_source,
        page_lines.request_id,
        page_lines.fetched_at,
        own_months.is_complete
    from page_lines
    inner join own_months
        on
            page_lines.account = own_months.account
            and page_lines.bill_month = own_months.bill_month
            and own_months.line_source = 'pages'
    union all
    select
        file_lines.account,
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
        file_lines.list_cost,
        file_lines.billed_cost,
        file_lines.billing_currency,
        null as tags,
        null as tag_values,
        file_lines.other_columns,
        file_lines.page_number,
        file_lines.page_position,
        own_months.line_source,
        file_lines.request_id,
        file_lines.fetched_at,
        own_months.is_complete
    from file_lines
    inner join own_months
        on
            file_lines.account = own_months.account
            and file_lines.bill_month = own_months.bill_month
            and own_months.line_source = 'files'
),

final as (
    select
        account,
        bill_month,
        line_id,
        row_number() over (
            partition by account, bill_month, line_id
            order by page_number, page_position
        ) as occurrence,
        payer_account_id,
        owner_account_id,
        operator_account_id,
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
        list_unit_price,
        pricing_unit,
        consumed_quantity,
        consumed_unit,
        usage_duration,
        usage_duration_unit,
        list_cost,
        billed_cost,
        billing_currency,
        tags,
        tag_values,
        other_columns,
        line_source,
        request_id,
        fetched_at,
        is_complete
    from sourced
)

select * from final
