-- No two billing periods share account, bill month, kind of bill and BillingAccountId.
-- Grain: one row per key that occurs more than once.
with

billing_periods as (
    select * from main.focus_billing_period
),

final as (
    select
        x_Account,
        x_BillMonth,
        x_IsOwnBill,
        BillingAccountId,
        count(*) as row_count
    from billing_periods
    group by x_Account, x_BillMonth, x_IsOwnBill, BillingAccountId
    having count(*) > 1
)

select * from final
