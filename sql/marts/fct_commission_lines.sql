-- Commission details of each month, as in the downloaded file.
-- Grain: one row per account, bill month and row of the file.
-- No document lists the file's columns, and a row may be a total: check before you sum.
with

commissions as (
    select * from staging.stg_commission_files
),

final as (
    select
        account,
        bill_month,
        row_number() over (
            partition by account, bill_month
            order by slice_params, page_number, page_position
        ) as line_number,
        stated_bill_month,
        customer_uin,
        customer_name,
        product_name,
        subproduct_name,
        pay_mode_name,
        transaction_type,
        commission_rate,
        billed_cost,
        commission_amount,
        billing_currency,
        other_columns,
        file_digest,
        file_member,
        request_id,
        fetched_at
    from commissions
)

select * from final
