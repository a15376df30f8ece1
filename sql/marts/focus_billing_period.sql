-- Billing periods of each payer, open or closed in the sense of FOCUS, modelled on the Billing
-- Period dataset of FOCUS 1.4.
-- Grain: one row per account, bill month, x_IsOwnBill and BillingAccountId.
with

payers as (
    select
        account,
        bill_month,
        false as is_own_bill,
        coalesce(payer_account_id, account) as billing_account_id,
        count(*) filter (where is_cost_unread) as unread_line_count
    from main.fct_bill_lines
    group by all
    union all
    select
        account,
        bill_month,
        true as is_own_bill,
        coalesce(payer_account_id, account) as billing_account_id,
        count(*) filter (where is_cost_unread) as unread_line_count
    from main.fct_own_bill_lines
    group by all
)

-- noqa: disable=capitalisation.identifiers
-- FOCUS's own column names; all others begin with x_.
select
    coalesce(payers.billing_account_id, bill_months.account) as BillingAccountId,
    bill_months.first_landed_at as BillingPeriodCreated,
    cast(
        bill_months.month_start_date + interval 1 month - interval 8 hour as timestamp
    ) as BillingPeriodEnd,
    bill_months.last_landed_at as BillingPeriodLastUpdated,
    cast(bill_months.month_start_date - interval 8 hour as timestamp) as BillingPeriodStart,
    case
        when bill_months.month_state = 'issued' then 'Closed' else 'Open'
    end as BillingPeriodStatus,
    'Tencent Cloud partner '
    || coalesce(payers.billing_account_id, bill_months.account) as InvoiceIssuerName,
    bill_months.account as x_Account,
    bill_months.as_of_at as x_AsOfTime,
    bill_months.bill_month as x_BillMonth,
    bill_months.closed_release_id as x_ClosedReleaseId,
    bill_months.closed_at as x_ClosedTime,
    bill_months.is_complete as x_IsComplete,
    bill_months.is_own_bill as x_IsOwnBill,
    bill_months.is_reconciled as x_IsReconciled,
    bill_months.month_state as x_MonthState,
    coalesce(payers.unread_line_count, 0) as x_UnreadLineCount
from main.dim_bill_months as bill_months
left join payers using (account, bill_month, is_own_bill)
