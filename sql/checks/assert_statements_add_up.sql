-- Every statement row adds up: list cost less discount less vouchers, plus the unexplained rest of
-- the lines, equals the billed cost.
-- Grain: one row per statement row that does not.
with

statements as (
    select * from main.rpt_customer_statement
),

final as (
    select
        account,
        customer_uin,
        bill_month,
        product_code,
        region_name,
        pay_mode_name,
        billing_currency,
        list_cost,
        discount_amount,
        voucher_amount,
        unexplained_amount,
        billed_cost
    from statements
    where
        (
            list_cost is not null
            and contracted_cost is not null
            and list_cost - discount_amount - coalesce(voucher_amount, 0) + unexplained_amount
            is distinct from billed_cost
        )
        or (
            (list_cost is null or contracted_cost is null)
            and discount_amount is not null
        )
        or contracted_cost - coalesce(voucher_amount, 0) + unexplained_amount
        is distinct from case when contracted_cost is not null then billed_cost end
)

select * from final
