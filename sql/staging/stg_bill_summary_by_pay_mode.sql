-- The service's own sums by pay mode.
-- Grain: one row per account, customer, bill month and pay mode.
-- The API sends no currency here. Never sum this with bill lines: it is the same money.
with

landed as (
    select * from raw.bill_summary_by_pay_mode
),

renamed as (
    select
        _account as account,
        _customer_uin as customer_uin,
        bill_month,
        nullif(nullif(trim(PayMode), ''), '-') as pay_mode_code,
        nullif(nullif(trim(PayModeName), ''), '-') as pay_mode_name,
        Detail as transaction_types,
        nullif(nullif(trim(OriginalCost), ''), '-') as list_cost,
        nullif(nullif(trim(VoucherPayAmount), ''), '-') as voucher_amount,
        nullif(nullif(trim(TotalCost), ''), '-') as billed_cost,
        _page as page_number,
        _position as page_position,
        _request_id as request_id,
        _fetched_at as fetched_at
    from landed
),

final as (
    select
        account,
        customer_uin,
        bill_month,
        pay_mode_code,
        pay_mode_name,
        transaction_types,
        try_cast(list_cost as decimal(38, 8)) as list_cost,
        try_cast(voucher_amount as decimal(38, 8)) as voucher_amount,
        try_cast(billed_cost as decimal(38, 8)) as billed_cost,
        page_number,
        page_position,
        request_id,
        fetched_at,
        struct_pack(
            list_cost := list_cost,
            voucher_amount := voucher_amount,
            billed_cost := billed_cost
        ) as source
    from renamed
)

select * from final
