-- FOCUS rows hold each charge, voucher and use of the bill lines once, and sum to them, cost by
-- cost.
-- Grain: one row per account, bill month, kind of bill and currency where they differ.
with

focus_rows as (
    select * from main.focus_cost_and_usage
),

customer_lines as (
    select * from main.fct_bill_lines
    where is_cost_unread is not true
),

own_lines as (
    select * from main.fct_own_bill_lines
    where is_cost_unread is not true
),

lines_summed as (
    select
        account,
        bill_month,
        false as is_own_bill,
        coalesce(billing_currency, 'XXX') as billing_currency,
        count(*) as line_count,
        count(*) filter (where voucher_amount <> 0) as voucher_count,
        sum(coalesce(billed_cost, 0)) as billed_cost,
        sum(coalesce(list_cost, contracted_cost, billed_cost, 0)) as list_cost,
        sum(coalesce(contracted_cost, billed_cost, 0)) as contracted_cost
    from customer_lines
    group by account, bill_month, billing_currency
    union all
    select
        account,
        bill_month,
        true as is_own_bill,
        coalesce(billing_currency, 'XXX') as billing_currency,
        count(*) as line_count,
        0 as voucher_count,
        sum(coalesce(billed_cost, 0)) as billed_cost,
        sum(coalesce(list_cost, billed_cost, 0)) as list_cost,
        sum(coalesce(billed_cost, 0)) as contracted_cost
    from own_lines
    group by account, bill_month, billing_currency
),

rows_summed as (
    select
        x_Account,
        x_BillMonth,
        x_IsOwnBill,
        BillingCurrency,
        count(*) as row_count,
        count(*) filter (where x_RowKind = 'charge') as charge_count,
        count(*) filter (where x_RowKind = 'voucher') as voucher_count,
        count(*) filter (where x_RowKind = 'charge' and ChargeCategory = 'Purchase') as use_count,
        sum(BilledCost) as billed_cost,
        sum(EffectiveCost) as effective_cost,
        sum(ListCost) filter (where x_RowKind <> 'voucher') as list_cost,
        sum(ContractedCost) filter (where x_RowKind <> 'voucher') as contracted_cost
    from focus_rows
    group by x_Account, x_BillMonth, x_IsOwnBill, BillingCurrency
),

final as (
    select
        coalesce(lines_summed.account, rows_summed.x_Account) as account,
        coalesce(lines_summed.bill_month, rows_summed.x_BillMonth) as bill_month,
        coalesce(lines_summed.billing_currency, rows_summed.BillingCurrency) as billing_currency,
        lines_summed.line_count,
        rows_summed.charge_count,
        lines_summed.line_count + lines_summed.voucher_count + rows_summed.use_count
            as wanted_count,
        rows_summed.row_count,
        lines_summed.billed_cost,
        rows_summed.billed_cost as focus_billed_cost,
        rows_summed.effective_cost as focus_effective_cost
    from lines_summed
    full outer join rows_summed
        on
            lines_summed.account = rows_summed.x_Account
            and lines_summed.bill_month = rows_summed.x_BillMonth
            and lines_summed.is_own_bill = rows_summed.x_IsOwnBill
            and lines_summed.billing_currency = rows_summed.BillingCurrency
    where
        lines_summed.line_count is distinct from rows_summed.charge_count
        or lines_summed.voucher_count is distinct from rows_summed.voucher_count
        or lines_summed.line_count + lines_summed.voucher_count + rows_summed.use_count
        is distinct from rows_summed.row_count
        or lines_summed.billed_cost is distinct from rows_summed.billed_cost
        or lines_summed.billed_cost is distinct from rows_summed.effective_cost
        or lines_summed.list_cost is distinct from rows_summed.list_cost
        or lines_summed.contracted_cost is distinct from rows_summed.contracted_cost
)

select * from final
