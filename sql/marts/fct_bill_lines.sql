-- Every line of every customer's bill, as last landed.
-- Grain: one row per account, customer, bill month, line_id and occurrence.
-- A customer of several accounts is here once. Costs may be summed within one currency only;
-- prices, quantities and durations never.
with

bill_lines as (
    select * from intermediate.int_bill_lines_sourced
),

customer_months as (
    select * from intermediate.int_customer_months_landed
),

-- Nearly every line_id occurs once. Only the others are numbered, since numbering needs a sort.
repeated as (
    select
        account,
        customer_uin,
        bill_month,
        line_id
    from bill_lines
    group by account, customer_uin, bill_month, line_id
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
),

final as (
    select
        bill_lines.account,
        bill_lines.customer_uin,
        bill_lines.bill_month,
        bill_lines.line_id,
        coalesce(numbered.occurrence, 1) as occurrence,
        bill_lines.payer_account_id,
        bill_lines.owner_account_id,
        bill_lines.operator_account_id,
        bill_lines.product_code,
        bill_lines.product_name,
        bill_lines.subproduct_code,
        bill_lines.subproduct_name,
        bill_lines.component_type_code,
        bill_lines.component_type_name,
        bill_lines.component_code,
        bill_lines.component_name,
        bill_lines.pay_mode_name,
        bill_lines.transaction_type,
        bill_lines.transaction_id,
        bill_lines.transaction_at,
        bill_lines.usage_start_at,
        bill_lines.usage_end_at,
        bill_lines.project_name,
        bill_lines.region_name,
        bill_lines.availability_zone,
        bill_lines.resource_id,
        bill_lines.resource_name,
        bill_lines.list_unit_price,
        bill_lines.pricing_unit,
        bill_lines.consumed_quantity,
        bill_lines.consumed_unit,
        bill_lines.usage_duration,
        bill_lines.usage_duration_unit,
        bill_lines.customer_discount_rate,
        bill_lines.list_cost,
        bill_lines.contracted_cost,
        bill_lines.voucher_amount,
        bill_lines.billed_cost,
        bill_lines.billing_currency,
        bill_lines.request_id,
        bill_lines.fetched_at,
        coalesce(customer_months.is_complete, false) as is_complete,
        bill_lines.line_source
    from bill_lines
    left join customer_months
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
)

select * from final
