-- What each customer was billed for a month, and how much of it is not paid yet.
-- Grain: one row per account, customer and bill month with a total, bill lines or an unpaid amount;
-- a customer of several accounts once.
-- Amounts may be summed over customers and months of one currency. The paid amount is inferred.
select
    bills.account,
    bills.customer_uin,
    bills.bill_month,
    bills.billing_currency,
    bills.month_state,
    bills.summary_cost as billed_cost,
    bills.unpaid_cost,
    bills.paid_cost,
    case
        when bills.summary_cost is null then 'The total of the bill has not landed.'
        when slices.proof = 'proven' then null
        when slices.proof is not null
            then coalesce(slices.reason, 'The unpaid amount is not proven.')
        when bills.unpaid_cost is null then 'The unpaid amount was not requested.'
    end as reason,
    coalesce(
        slices.proven_at,
        case when slices.proof <> 'failed' then slices.requested_to_at end,
        bills.as_of_at
    ) as as_of_at
from main.rpt_reconciliation as bills
left join staging.stg_landed_slices as slices
    on
        bills.account = slices.account
        and bills.customer_uin = slices.customer_uin
        and bills.bill_month = slices.bill_month
        and slices.dataset = 'customer_bill_unpaid'
where
    bills.is_counted
    and (
        bills.summary_cost is not null
        or bills.unpaid_cost is not null
        or bills.landed_rows > 0
    )
