-- What to invoice each customer for a month, by product, region and pay mode: list_cost less
-- discount_amount less voucher_amount plus unexplained_amount is billed_cost.
-- Grain: one row per account, customer, bill month, product, region, pay mode and currency.
-- Costs may be summed within one currency only. A customer without a bill line has no row;
-- rpt_reconciliation shows whether its month is empty or has not landed.
with

costs_summed as (
    select
        account,
        customer_uin,
        bill_month,
        product_code,
        product_name,
        region_name,
        pay_mode_name,
        billing_currency,
        cast(sum(line_count) as bigint) as line_count,
        whole_sum(list_cost) as list_cost,
        whole_sum(contracted_cost) as contracted_cost,
        sum(voucher_amount) as voucher_amount,
        sum(billed_cost) as billed_cost
    from main.fct_monthly_costs
    group by all
)

select
    costs_summed.*,
    costs_summed.list_cost - costs_summed.contracted_cost as discount_amount,
    costs_summed.billed_cost
    - (costs_summed.contracted_cost - coalesce(costs_summed.voucher_amount, 0))
        as unexplained_amount,
    coalesce(reconciliation.is_complete, false) as is_complete,
    coalesce(reconciliation.is_reconciled, false) as is_reconciled,
    reconciliation.month_state,
    reconciliation.as_of_at
from costs_summed
left join main.rpt_reconciliation as reconciliation
    on
        costs_summed.account = reconciliation.account
        and costs_summed.bill_month = reconciliation.bill_month
        and costs_summed.customer_uin is not distinct from reconciliation.customer_uin
